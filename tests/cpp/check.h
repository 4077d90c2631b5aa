// The few lines of test harness that the core's unit tests need: no dependency to install, nothing to learn.
#pragma once

#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  std::function<void()> body;
};
inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
struct Register {
  Register(const char* name, std::function<void()> body) { cases().push_back({name, std::move(body)}); }
};
inline void that(bool ok, const char* expression, const char* file, int line) {
  if (!ok) throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + expression);
}

}  // namespace check

#define TEST(name)                                            \
  static void name();                                         \
  static const check::Register register_##name(#name, &name); \
  static void name()
#define CHECK(expression) check::that((expression), #expression, __FILE__, __LINE__)
#define CHECK_THROWS(exception, expression)                                     \
  do {                                                                          \
    bool thrown = false;                                                        \
    try {                                                                       \
      (void)(expression);                                                       \
    } catch (const exception&) {                                                \
      thrown = true;                                                            \
    }                                                                           \
    check::that(thrown, #expression " throws " #exception, __FILE__, __LINE__); \
  } while (false)

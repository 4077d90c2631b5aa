#include <cstdio>
#include <exception>

#include "check.h"

int main() {
  int failed = 0;
  for (const auto& test : check::cases()) {
    try {
      test.body();
    } catch (const std::exception& error) {
      std::printf("FAILED %s\n  %s\n", test.name, error.what());
      ++failed;
    }
  }
  std::printf("%d passed, %d failed\n", static_cast<int>(check::cases().size()) - failed, failed);
  return failed != 0;
}

#include "support/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace fastnlp {
namespace {

constexpr std::int64_t kMostAtOnce = std::int64_t{1} << 30;  // the system takes less than 2^31 bytes a call

int opened(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) throw FileError(errno, path, "cannot be opened");
  return descriptor;
}

}  // namespace

FileError::FileError(int code, const std::string& path, const std::string& what)
    : std::runtime_error(path + ": " + what + (code ? std::string(": ") + std::strerror(code) : "")),
      code_(code),
      path_(path) {}

File File::open(const std::string& path) { return {opened(path, O_RDONLY), path}; }

File File::change(const std::string& path) { return {opened(path, O_RDWR), path}; }

File File::temporary(const std::string& folder) {
  std::string path = folder + "/fastnlp-XXXXXX";
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) throw FileError(errno, folder, "no temporary file can be made here");
  ::unlink(path.c_str());
  return {descriptor, folder};
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::int64_t File::size() const {
  struct stat about;
  if (::fstat(descriptor_, &about) != 0) throw FileError(errno, path_, "cannot be looked at");
  return about.st_size;
}

void File::read(std::int64_t offset, void* into, std::int64_t bytes) const {
  auto* at = static_cast<char*>(into);
  while (bytes > 0) {
    const auto done =
        ::pread(descriptor_, at, static_cast<std::size_t>(std::min(bytes, kMostAtOnce)), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw FileError(errno, path_, "cannot be read");
    if (done == 0) {
      throw FileError(0, path_,
                      "ends at byte " + std::to_string(offset) + ", " + std::to_string(bytes) +
                          " bytes before the end of its records");
    }
    at += done;
    offset += done;
    bytes -= done;
  }
}

void File::write(std::int64_t offset, const void* from, std::int64_t bytes) {
  const auto* at = static_cast<const char*>(from);
  while (bytes > 0) {
    const auto done =
        ::pwrite(descriptor_, at, static_cast<std::size_t>(std::min(bytes, kMostAtOnce)), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw FileError(errno, path_, "cannot be written");
    at += done;
    offset += done;
    bytes -= done;
  }
}

}  // namespace fastnlp

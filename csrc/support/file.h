// A file of records that is written and read at given places, by several threads at once. The one door of the
// core to the disk: work that may outgrow memory goes through it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace fastnlp {

// What the system refused: the bindings make it an OSError with the same number and file name.
class FileError : public std::runtime_error {
 public:
  FileError(int code, const std::string& path, const std::string& what);
  int code() const { return code_; }  // errno
  const std::string& path() const { return path_; }

 private:
  int code_;
  std::string path_;
};

class File {
 public:
  File() = default;
  // For reading.
  static File open(const std::string& path);
  // An existing file, for writing.
  static File change(const std::string& path);
  // A new file in the folder that has no name: the system removes it with the last process that holds it.
  static File temporary(const std::string& folder);

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  std::int64_t size() const;
  // All of the bytes, or a FileError; a file that ends before them is one of code 0.
  void read(std::int64_t offset, void* into, std::int64_t bytes) const;
  void write(std::int64_t offset, const void* from, std::int64_t bytes);

  template <class T>
  std::vector<T> read_records(std::int64_t first, std::int64_t count) const {
    std::vector<T> records(static_cast<std::size_t>(count));
    read(first * static_cast<std::int64_t>(sizeof(T)), records.data(),
         count * static_cast<std::int64_t>(sizeof(T)));
    return records;
  }

 private:
  File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_ = -1;
  std::string path_;
};

}  // namespace fastnlp

#include <cstring>
#include <exception>
#include <system_error>

#include "bindings/bindings.h"
#include "support/file.h"
#include "support/philox.h"

namespace fastnlp::bindings {

namespace {

// What the system says becomes an OSError with its number and file; a file that is cut short, a ValueError; a
// thread that the system does not start, a RuntimeError.
void translate(std::exception_ptr thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const FileError& error) {
    if (error.code() == 0) {
      py::set_error(PyExc_ValueError, error.what());
    } else {
      py::set_error(PyExc_OSError, py::make_tuple(error.code(), std::strerror(error.code()), error.path()));
    }
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) throw;
    py::set_error(PyExc_RuntimeError, "threads: the system does not start as many; ask for fewer");
  }
}

}  // namespace

void register_support(py::module_& m) {
  py::register_exception_translator(&translate);

  m.def(
      "philox",
      [](std::uint64_t seed, std::uint32_t stream, std::uint32_t epoch, std::uint64_t position,
         std::uint32_t block) {
        return philox::block(seed, static_cast<Stream>(stream), epoch, position, block);
      },
      "seed"_a, "stream"_a, "epoch"_a, "position"_a, "block"_a,
      "Four 32-bit words of a Philox4x32-10 stream; see csrc/support/philox.h for the counter layout.");
}

}  // namespace fastnlp::bindings

#pragma once
// Shared by the implementation files of data/hdf5.h, and by nothing else: the lock around every
// call into the library, and the step from its error codes to exceptions.

#include <mutex>
#include <string>
#include <type_traits>

#include <hdf5.h>

#include "data/hdf5.h"

namespace resnext::data::hdf5 {

static_assert(std::is_same_v<Handle::Close, herr_t (*)(hid_t)>, "HDF5 1.10 or later is needed");

/// Holds the process-wide lock. Recursive, because handles are closed inside locked calls.
class Lock {
 public:
  Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// Throws "WHERE: cannot ACTION: REASON", the reason being the innermost on HDF5's error stack.
[[noreturn]] void throw_library_error(const std::string& where, const std::string& action);

/// Passes on a non-negative result of an HDF5 call, and throws as above for a negative one.
template <typename Result>
Result check(Result result, const std::string& where, const char* action) {
  if (result < 0) throw_library_error(where, action);
  return result;
}

inline Handle owned(hid_t id, Handle::Close close, const std::string& where, const char* action) {
  return Handle(check(id, where, action), close);
}

/// "FILE:/object" for messages.
inline std::string place(const std::string& file, const std::string& object) {
  return file + ":" + object;
}

}  // namespace resnext::data::hdf5

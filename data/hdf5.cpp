#include "data/hdf5.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include <fmt/format.h>

#include "data/hdf5_call.h"

namespace resnext::data::hdf5 {

namespace {

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  // At exit HDF5 would try once more to flush what a full disk did not take, and 1.10 then crashes.
  // All files are closed by their owners, so it has nothing else to do there.
  static const herr_t leave_exit_alone = H5dont_atexit();
  static_cast<void>(leave_exit_alone);
  return mutex;
}

herr_t keep_innermost(unsigned depth, const H5E_error2_t* error, void* reason) {
  if (depth == 0 && error->desc) *static_cast<std::string*>(reason) = error->desc;
  return 0;
}

/// HDF5 wraps what the operating system said into a long list of its own variables.
std::string shortened(const std::string& reason) {
  const std::string mark = "error message = '";
  const auto start = reason.find(mark);
  if (start == std::string::npos) return reason;
  const auto from = start + mark.size();
  return reason.substr(from, reason.find('\'', from) - from);
}

template <typename T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_NATIVE_UINT32;
  if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
  if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
}

Handle new_properties(hid_t property_class, const std::string& where) {
  return owned(H5Pcreate(property_class), H5Pclose, where, "prepare");
}

/// Locking off: shared file systems often have none, and our files have one writer. Objects in the
/// format of HDF5 1.8: attributes above 64 KiB (class names), checksummed metadata.
Handle file_access(const std::string& where) {
  Handle access = new_properties(H5P_FILE_ACCESS, where);
  check(H5Pset_file_locking(access.id(), false, true), where, "turn file locking off");
  check(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V18, H5F_LIBVER_LATEST), where, "prepare");
  return access;
}

Handle memory_access(const std::string& where) {
  constexpr std::size_t kGrowth = std::size_t(4) << 20;
  Handle access = file_access(where);
  check(H5Pset_fapl_core(access.id(), kGrowth, false), where, "prepare in memory");
  return access;
}

/// The library takes two in-memory files of one name for the same file.
std::string unique_memory_name() {
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("memory-{}", count++);
}

/// Properties of a new file, group or dataset. Without times of creation and change, so that equal
/// contents are equal files.
Handle without_times(hid_t property_class, const std::string& where) {
  Handle properties = new_properties(property_class, where);
  check(H5Pset_obj_track_times(properties.id(), false), where, "prepare");
  return properties;
}

/// "/images" for "/images/bytes"; empty for an object right below the root.
std::string group_of(const std::string& object) {
  return object.substr(0, object.rfind('/'));
}

Handle new_space(const Dimensions& dimensions, const Dimensions& maximum,
                 const std::string& where) {
  static_assert(sizeof(hsize_t) == sizeof(std::uint64_t));
  const std::vector<hsize_t> now(dimensions.begin(), dimensions.end());
  const std::vector<hsize_t> most(maximum.begin(), maximum.end());
  return owned(H5Screate_simple(static_cast<int>(now.size()), now.data(),
                                most.empty() ? nullptr : most.data()),
               H5Sclose, where, "describe the dimensions");
}

std::uint64_t product(const Dimensions& dimensions, std::size_t from = 0) {
  std::uint64_t count = 1;
  for (std::size_t i = from; i < dimensions.size(); ++i) count *= dimensions[i];
  return count;
}

Dimensions read_dimensions(hid_t dataset, const std::string& where) {
  const Handle space = owned(H5Dget_space(dataset), H5Sclose, where, "read the dimensions");
  const int rank = check(H5Sget_simple_extent_ndims(space.id()), where, "read the dimensions");
  std::vector<hsize_t> dimensions(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space.id(), dimensions.data(), nullptr), where,
        "read the dimensions");
  return {dimensions.begin(), dimensions.end()};
}

void require_rows(const Dimensions& dimensions, std::uint64_t first, std::uint64_t rows,
                  std::size_t values, const std::string& where) {
  if (dimensions.empty() || first > dimensions[0] || rows > dimensions[0] - first)
    throw std::runtime_error(fmt::format("{}: rows {} to {} asked of {}", where, first,
                                         first + rows, dimensions.empty() ? 0 : dimensions[0]));
  if (values != rows * product(dimensions, 1))
    throw std::runtime_error(fmt::format("{}: {} values for {} rows of {}", where, values, rows,
                                         product(dimensions, 1)));
}

/// The part of the dataset's space that the rows take.
Handle select_rows(hid_t dataset, const Dimensions& dimensions, std::uint64_t first,
                   std::uint64_t rows, const std::string& where) {
  Handle space = owned(H5Dget_space(dataset), H5Sclose, where, "read the dimensions");
  std::vector<hsize_t> start(dimensions.size(), 0), count(dimensions.begin(), dimensions.end());
  start[0] = first;
  count[0] = rows;
  check(
      H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
      where, "select rows");
  return space;
}

}  // namespace

Lock::Lock() : lock_(library_mutex()) {
  // Where the library is built thread-safe, each thread has its own error stack.
  thread_local const herr_t quiet = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  static_cast<void>(quiet);
}

void throw_library_error(const std::string& where, const std::string& action) {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &reason);
  throw std::runtime_error(fmt::format("{}: cannot {}: {}", where, action,
                                       reason.empty() ? "unknown HDF5 error" : shortened(reason)));
}

Handle::~Handle() {
  if (!close_) return;
  const Lock lock;
  close_(id_);
}

int Handle::close() {
  if (!close_) return 0;
  const Lock lock;
  return std::exchange(close_, nullptr)(id_);
}

template <typename T>
void Dataset::read_rows(std::uint64_t first, std::uint64_t rows, std::span<T> out) const {
  require_rows(dimensions_, first, rows, out.size(), where_);
  if (out.empty()) return;
  const Lock lock;
  const Handle selected = select_rows(handle_.id(), dimensions_, first, rows, where_);
  const Handle memory = new_space({out.size()}, {}, where_);
  check(
      H5Dread(handle_.id(), native_type<T>(), memory.id(), selected.id(), H5P_DEFAULT, out.data()),
      where_, "read");
}

template <typename T>
void Dataset::write_rows(std::uint64_t first, std::uint64_t rows, std::span<const T> values) {
  require_rows(dimensions_, first, rows, values.size(), where_);
  if (values.empty()) return;
  const Lock lock;
  const Handle selected = select_rows(handle_.id(), dimensions_, first, rows, where_);
  const Handle memory = new_space({values.size()}, {}, where_);
  check(H5Dwrite(handle_.id(), native_type<T>(), memory.id(), selected.id(), H5P_DEFAULT,
                 values.data()),
        where_, "write");
}

template <typename T>
void Dataset::append_rows(std::uint64_t rows, std::span<const T> values) {
  if (dimensions_.empty()) throw std::runtime_error(where_ + ": a single value cannot grow");
  Dimensions grown = dimensions_;
  grown[0] += rows;
  require_rows(grown, dimensions_[0], rows, values.size(), where_);
  {
    const Lock lock;
    const std::vector<hsize_t> extent(grown.begin(), grown.end());
    check(H5Dset_extent(handle_.id(), extent.data()), where_, "extend");
  }
  const std::uint64_t first = dimensions_[0];
  dimensions_ = std::move(grown);
  write_rows(first, rows, values);
}

namespace {

Handle open_handle(const std::string& path, unsigned mode) {
  const Handle access = file_access(path);
  return owned(H5Fopen(path.c_str(), mode, access.id()), H5Fclose, path, "open");
}

}  // namespace

File File::open(const std::string& path) {
  const Lock lock;
  File file;
  file.name_ = path;
  file.handle_ = open_handle(path, H5F_ACC_RDONLY);
  return file;
}

File File::modify(const std::string& path) {
  const Lock lock;
  File file;
  file.name_ = path;
  file.handle_ = open_handle(path, H5F_ACC_RDWR);
  return file;
}

File File::create(const std::string& path) {
  const Lock lock;
  File file;
  file.name_ = path;
  const Handle access = file_access(path);
  const Handle contents = without_times(H5P_FILE_CREATE, path);
  file.handle_ = owned(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, contents.id(), access.id()), H5Fclose,
                       path, "create");
  return file;
}

File File::create_in_memory(const std::string& name) {
  const Lock lock;
  File file;
  file.name_ = name;
  const Handle access = memory_access(name);
  const Handle contents = without_times(H5P_FILE_CREATE, name);
  file.handle_ =
      owned(H5Fcreate(unique_memory_name().c_str(), H5F_ACC_TRUNC, contents.id(), access.id()),
            H5Fclose, name, "create in memory");
  return file;
}

File File::open_image(std::span<const std::byte> bytes, const std::string& name) {
  const Lock lock;
  File file;
  file.name_ = name;
  const Handle access = memory_access(name);
  // The library takes a pointer to non-const, but copies.
  check(H5Pset_file_image(access.id(), const_cast<std::byte*>(bytes.data()), bytes.size()), name,
        "open");
  file.handle_ = owned(H5Fopen(unique_memory_name().c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose,
                       name, "open");
  return file;
}

bool File::exists(const std::string& object) const {
  const Lock lock;
  // The library wants every group on the way asked for first.
  for (auto end = object.find('/', 1);; end = object.find('/', end + 1)) {
    const std::string part = object.substr(0, end);
    if (part != "/" && check(H5Lexists(handle_.id(), part.c_str(), H5P_DEFAULT), place(name_, part),
                             "look up") == 0)
      return false;
    if (end == std::string::npos) return true;
  }
}

std::vector<std::string> File::list(const std::string& group) const {
  const Lock lock;
  const std::string where = place(name_, group);
  const Handle opened =
      owned(H5Gopen2(handle_.id(), group.c_str(), H5P_DEFAULT), H5Gclose, where, "open");
  H5G_info_t info;
  check(H5Gget_info(opened.id(), &info), where, "list");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto name_of = [&](char* name, std::size_t size) {
      return check(H5Lget_name_by_idx(opened.id(), ".", H5_INDEX_NAME, H5_ITER_NATIVE, i, name,
                                      size, H5P_DEFAULT),
                   where, "list");
    };
    std::string name(static_cast<std::size_t>(name_of(nullptr, 0)), '\0');
    name_of(name.data(), name.size() + 1);
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

void File::link_file(const std::string& object, const std::string& file) {
  const Lock lock;
  create_group(group_of(object));
  check(
      H5Lcreate_external(file.c_str(), "/", handle_.id(), object.c_str(), H5P_DEFAULT, H5P_DEFAULT),
      place(name_, object), "link");
}

void File::create_group(const std::string& group) {
  if (group.empty() || exists(group)) return;
  create_group(group_of(group));
  const Lock lock;
  const std::string where = place(name_, group);
  const Handle contents = without_times(H5P_GROUP_CREATE, where);
  const Handle created =
      owned(H5Gcreate2(handle_.id(), group.c_str(), H5P_DEFAULT, contents.id(), H5P_DEFAULT),
            H5Gclose, where, "create the group");
}

template <typename T>
void File::write(const std::string& object, std::span<const T> values,
                 const Dimensions& dimensions) {
  if (values.size() != product(dimensions))
    throw std::runtime_error(fmt::format("{}: {} values for dimensions of {}", place(name_, object),
                                         values.size(), product(dimensions)));
  const Dataset created = create_dataset<T>(object, dimensions);
  if (values.empty()) return;
  const Lock lock;
  check(H5Dwrite(created.handle_.id(), native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 values.data()),
        created.where_, "write");
}

template <typename T>
std::vector<T> File::read(const std::string& object) const {
  const Dataset opened = dataset(object);
  std::vector<T> values(product(opened.dimensions_));
  if (values.empty()) return values;
  const Lock lock;
  check(
      H5Dread(opened.handle_.id(), native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
      opened.where_, "read");
  return values;
}

Dataset File::dataset(const std::string& object) const {
  const Lock lock;
  Dataset opened;
  opened.where_ = place(name_, object);
  opened.handle_ =
      owned(H5Dopen2(handle_.id(), object.c_str(), H5P_DEFAULT), H5Dclose, opened.where_, "open");
  opened.dimensions_ = read_dimensions(opened.handle_.id(), opened.where_);
  return opened;
}

template <typename T>
Dataset File::create_dataset(const std::string& object, const Dimensions& dimensions) {
  const Lock lock;
  Dataset created;
  created.where_ = place(name_, object);
  created.dimensions_ = dimensions;
  create_group(group_of(object));
  const Handle space = new_space(dimensions, {}, created.where_);
  const Handle layout = without_times(H5P_DATASET_CREATE, created.where_);
  check(H5Pset_fill_time(layout.id(), H5D_FILL_TIME_NEVER), created.where_, "prepare");
  created.handle_ = owned(H5Dcreate2(handle_.id(), object.c_str(), native_type<T>(), space.id(),
                                     H5P_DEFAULT, layout.id(), H5P_DEFAULT),
                          H5Dclose, created.where_, "create the dataset");
  return created;
}

template <typename T>
Dataset File::create_extendible(const std::string& object, const Dimensions& row,
                                std::uint64_t chunk_rows) {
  const Lock lock;
  Dataset created;
  created.where_ = place(name_, object);
  created.dimensions_ = row;
  created.dimensions_.insert(created.dimensions_.begin(), 0);
  Dimensions maximum = created.dimensions_, chunk = created.dimensions_;
  maximum[0] = H5S_UNLIMITED;
  chunk[0] = chunk_rows;
  create_group(group_of(object));
  const Handle space = new_space(created.dimensions_, maximum, created.where_);
  const Handle layout = without_times(H5P_DATASET_CREATE, created.where_);
  const std::vector<hsize_t> chunk_shape(chunk.begin(), chunk.end());
  check(H5Pset_chunk(layout.id(), static_cast<int>(chunk_shape.size()), chunk_shape.data()),
        created.where_, "prepare chunks");
  created.handle_ = owned(H5Dcreate2(handle_.id(), object.c_str(), native_type<T>(), space.id(),
                                     H5P_DEFAULT, layout.id(), H5P_DEFAULT),
                          H5Dclose, created.where_, "create the dataset");
  return created;
}

void File::flush() {
  const Lock lock;
  check(H5Fflush(handle_.id(), H5F_SCOPE_LOCAL), name_, "flush");
}

void File::close() {
  const Lock lock;
  flush();
  check(handle_.close(), name_, "close");
}

std::vector<std::byte> File::image() {
  const Lock lock;
  flush();
  // H5Fget_file_image knows the size; but the copy it makes has a wrong checksum in HDF5 1.10.
  const auto size = check(H5Fget_file_image(handle_.id(), nullptr, 0), name_, "copy");
  void* memory = nullptr;
  check(H5Fget_vfd_handle(handle_.id(), H5P_DEFAULT, &memory), name_, "copy");
  const auto* first = *static_cast<std::byte**>(memory);
  return {first, first + size};
}

#define RESNEXT_INSTANTIATE(T)                                                          \
  template void Dataset::read_rows(std::uint64_t, std::uint64_t, std::span<T>) const;   \
  template void Dataset::write_rows(std::uint64_t, std::uint64_t, std::span<const T>);  \
  template void Dataset::append_rows(std::uint64_t, std::span<const T>);                \
  template void File::write(const std::string&, std::span<const T>, const Dimensions&); \
  template std::vector<T> File::read(const std::string&) const;                         \
  template Dataset File::create_dataset<T>(const std::string&, const Dimensions&);      \
  template Dataset File::create_extendible<T>(const std::string&, const Dimensions&, std::uint64_t)

RESNEXT_INSTANTIATE(std::uint8_t);
RESNEXT_INSTANTIATE(std::int32_t);
RESNEXT_INSTANTIATE(std::uint32_t);
RESNEXT_INSTANTIATE(std::int64_t);
RESNEXT_INSTANTIATE(std::uint64_t);
RESNEXT_INSTANTIATE(float);
RESNEXT_INSTANTIATE(double);
#undef RESNEXT_INSTANTIATE

}  // namespace resnext::data::hdf5

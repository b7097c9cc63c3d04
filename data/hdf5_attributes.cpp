#include <algorithm>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "data/hdf5.h"
#include "data/hdf5_call.h"

namespace resnext::data::hdf5 {

namespace {

std::string attribute_place(const std::string& file, const std::string& object,
                            const std::string& name) {
  return fmt::format("{}: attribute '{}'", place(file, object), name);
}

Handle utf8_string_type(std::size_t size, const std::string& where) {
  Handle type = owned(H5Tcopy(H5T_C_S1), H5Tclose, where, "make a string type");
  check(H5Tset_size(type.id(), size), where, "make a string type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), where, "make a string type");
  if (size != H5T_VARIABLE)
    check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), where, "make a string type");
  return type;
}

/// What h5py writes for a numpy.bool_, and gives back as one.
Handle boolean_type(const std::string& where) {
  Handle type = owned(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose, where, "make a boolean type");
  const std::int8_t no = 0, yes = 1;
  check(H5Tenum_insert(type.id(), "FALSE", &no), where, "make a boolean type");
  check(H5Tenum_insert(type.id(), "TRUE", &yes), where, "make a boolean type");
  return type;
}

/// Writes one attribute value; the alternatives of Attribute differ in type and space.
class Writer {
 public:
  Writer(hid_t file, const std::string& object, const std::string& name, StringStorage storage,
         std::string where)
      : file_(file), object_(object), name_(name), storage_(storage), where_(std::move(where)) {}

  void operator()(bool value) const {
    const std::int8_t stored = value ? 1 : 0;
    write(boolean_type(where_).id(), scalar().id(), &stored);
  }
  void operator()(std::int64_t value) const { write(H5T_NATIVE_INT64, scalar().id(), &value); }
  void operator()(double value) const { write(H5T_NATIVE_DOUBLE, scalar().id(), &value); }
  void operator()(const std::string& value) const { write_strings({&value, 1}, scalar()); }
  void operator()(const std::vector<std::string>& values) const {
    const hsize_t count = values.size();
    write_strings(values,
                  owned(H5Screate_simple(1, &count, nullptr), H5Sclose, where_, "describe"));
  }

 private:
  Handle scalar() const { return owned(H5Screate(H5S_SCALAR), H5Sclose, where_, "describe"); }

  void write_strings(std::span<const std::string> values, const Handle& space) const {
    if (storage_ == StringStorage::kFixed) return write_fixed_strings(values, space);
    std::vector<const char*> texts;
    for (const auto& value : values) texts.push_back(value.c_str());
    texts.push_back(nullptr);  // the library wants an address even for no strings
    write(utf8_string_type(H5T_VARIABLE, where_).id(), space.id(), texts.data());
  }

  void write_fixed_strings(std::span<const std::string> values, const Handle& space) const {
    std::size_t size = 1;
    for (const auto& value : values) size = std::max(size, value.size());
    std::string padded;
    for (const auto& value : values) padded += value + std::string(size - value.size(), '\0');
    write(utf8_string_type(size, where_).id(), space.id(), padded.data());
  }

  void write(hid_t type, hid_t space, const void* value) const {
    const Handle attribute = owned(H5Acreate_by_name(file_, object_.c_str(), name_.c_str(), type,
                                                     space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                   H5Aclose, where_, "create");
    check(H5Awrite(attribute.id(), type, value), where_, "write");
  }

  hid_t file_;
  const std::string& object_;
  const std::string& name_;
  StringStorage storage_;
  std::string where_;
};

std::vector<std::string> read_variable_strings(hid_t attribute, hid_t space, std::size_t count,
                                               const std::string& where) {
  const Handle type = utf8_string_type(H5T_VARIABLE, where);
  // In memory the character set must be the stored one; HDF5 does not convert between them.
  const Handle stored = owned(H5Aget_type(attribute), H5Tclose, where, "read the type");
  check(H5Tset_cset(type.id(), H5Tget_cset(stored.id())), where, "read the type");
  std::vector<char*> texts(count, nullptr);
  check(H5Aread(attribute, type.id(), texts.data()), where, "read");
  const auto reclaim = [&](char** pointers) {
    H5Dvlen_reclaim(type.id(), space, H5P_DEFAULT, pointers);
  };
  const std::unique_ptr<char*, decltype(reclaim)> guard(texts.data(), reclaim);
  std::vector<std::string> values;
  for (const char* text : texts) values.emplace_back(text ? text : "");
  return values;
}

std::vector<std::string> read_fixed_strings(hid_t attribute, hid_t type, std::size_t count,
                                            const std::string& where) {
  const std::size_t size = H5Tget_size(type);
  std::vector<char> text(count * size + 1, '\0');
  check(H5Aread(attribute, type, text.data()), where, "read");
  std::vector<std::string> values;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string padded(text.data() + i * size, size);
    values.push_back(padded.substr(0, padded.find('\0')));
  }
  return values;
}

std::vector<std::string> read_strings(hid_t attribute, hid_t type, hid_t space, std::size_t count,
                                      const std::string& where) {
  if (count == 0) return {};
  return check(H5Tis_variable_str(type), where, "read the type") > 0
             ? read_variable_strings(attribute, space, count, where)
             : read_fixed_strings(attribute, type, count, where);
}

template <typename T>
T read_number(hid_t attribute, hid_t type, const std::string& where) {
  T value{};
  check(H5Aread(attribute, type, &value), where, "read");
  return value;
}

template <typename T>
T require(Attribute value, const std::string& where, const char* kind) {
  if (T* wanted = std::get_if<T>(&value)) return std::move(*wanted);
  throw std::runtime_error(fmt::format("{}: not {}", where, kind));
}

}  // namespace

void File::set_attribute(const std::string& object, const std::string& name, const Attribute& value,
                         StringStorage storage) {
  const Lock lock;
  const std::string where = attribute_place(name_, object, name);
  if (has_attribute(object, name))
    check(H5Adelete_by_name(handle_.id(), object.c_str(), name.c_str(), H5P_DEFAULT), where,
          "replace");
  std::visit(Writer(handle_.id(), object, name, storage, where), value);
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  const Lock lock;
  return check(H5Aexists_by_name(handle_.id(), object.c_str(), name.c_str(), H5P_DEFAULT),
               attribute_place(name_, object, name), "look up") > 0;
}

Attribute File::attribute(const std::string& object, const std::string& name) const {
  const Lock lock;
  const std::string where = attribute_place(name_, object, name);
  const Handle attribute =
      owned(H5Aopen_by_name(handle_.id(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
            H5Aclose, where, "open");
  const Handle type = owned(H5Aget_type(attribute.id()), H5Tclose, where, "read the type");
  const Handle space = owned(H5Aget_space(attribute.id()), H5Sclose, where, "read the size");
  const bool is_scalar = H5Sget_simple_extent_type(space.id()) == H5S_SCALAR;
  const auto count = static_cast<std::size_t>(
      check(H5Sget_simple_extent_npoints(space.id()), where, "read the size"));

  const H5T_class_t kind = H5Tget_class(type.id());
  if (kind == H5T_STRING) {
    auto texts = read_strings(attribute.id(), type.id(), space.id(), count, where);
    if (is_scalar) return texts.at(0);
    return texts;
  }
  if (!is_scalar) throw std::runtime_error(where + ": an array of numbers, where one is wanted");
  if (kind == H5T_ENUM)
    return read_number<std::int8_t>(attribute.id(), boolean_type(where).id(), where) != 0;
  if (kind == H5T_INTEGER)
    return read_number<std::int64_t>(attribute.id(), H5T_NATIVE_INT64, where);
  if (kind == H5T_FLOAT) return read_number<double>(attribute.id(), H5T_NATIVE_DOUBLE, where);
  throw std::runtime_error(where + ": neither a number nor a string");
}

std::int64_t File::integer_attribute(const std::string& object, const std::string& name) const {
  return require<std::int64_t>(attribute(object, name), attribute_place(name_, object, name),
                               "an integer");
}

std::string File::string_attribute(const std::string& object, const std::string& name) const {
  return require<std::string>(attribute(object, name), attribute_place(name_, object, name),
                              "a string");
}

std::vector<std::string> File::strings_attribute(const std::string& object,
                                                 const std::string& name) const {
  return require<std::vector<std::string>>(
      attribute(object, name), attribute_place(name_, object, name), "a list of strings");
}

}  // namespace resnext::data::hdf5

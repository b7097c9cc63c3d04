#include <algorithm>

#include "data/hdf5.h"
#include "data/hdf5_call.h"

namespace resnext::data::hdf5 {

void File::write_strings(const std::string& object, std::span<const std::string> values) {
  const std::string where = place(name_, object);
  std::size_t size = 1;
  for (const std::string& value : values) size = std::max(size, value.size());
  std::string padded;
  padded.reserve(values.size() * size);
  for (const std::string& value : values) padded += value + std::string(size - value.size(), '\0');

  const Lock lock;
  const Handle type = owned(H5Tcopy(H5T_C_S1), H5Tclose, where, "make a string type");
  check(H5Tset_size(type.id(), size), where, "make a string type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), where, "make a string type");
  check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), where, "make a string type");
  const hsize_t count = values.size();
  const Handle space = owned(H5Screate_simple(1, &count, nullptr), H5Sclose, where, "describe");
  const Handle links = owned(H5Pcreate(H5P_LINK_CREATE), H5Pclose, where, "prepare");
  check(H5Pset_create_intermediate_group(links.id(), 1), where, "prepare");
  const Handle dataset = owned(H5Dcreate2(handle_.id(), object.c_str(), type.id(), space.id(),
                                          links.id(), H5P_DEFAULT, H5P_DEFAULT),
                               H5Dclose, where, "create");
  if (!values.empty())
    check(H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, padded.data()), where,
          "write");
}

}  // namespace resnext::data::hdf5

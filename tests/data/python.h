#pragma once
// Runs a piece of Python in a child process, for tests against h5py, PIL and zlib.

#include <cstdio>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace resnext::data {

/// What `script` prints (stderr included), with `arguments` as sys.argv[1:]. The test fails if the
/// script does.
inline std::string run_python(const std::string& script, const std::string& arguments = "") {
  const std::string path = testing::TempDir() + "/script-" +
                           testing::UnitTest::GetInstance()->current_test_info()->name() + ".py";
  std::ofstream(path) << script;
  FILE* pipe = popen(("/usr/bin/python3 " + path + " " + arguments + " 2>&1").c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot start /usr/bin/python3");
  std::string output;
  char buffer[4096];
  while (const std::size_t n = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, n);
  const int status = pclose(pipe);
  EXPECT_EQ(status, 0) << output;
  std::remove(path.c_str());
  return output;
}

}  // namespace resnext::data

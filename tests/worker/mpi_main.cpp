// Runs tests under mpirun. Every rank reports its own failures; only rank 0 says what went well.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "worker/comm/communicator.h"

namespace {

class OnlyFailures : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    fmt::print("{}:{}: {}\n", result.file_name() ? result.file_name() : "", result.line_number(),
               result.summary());
  }
};

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const resnext::worker::MpiSession session(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank > 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new OnlyFailures);
  }
  return RUN_ALL_TESTS();
}

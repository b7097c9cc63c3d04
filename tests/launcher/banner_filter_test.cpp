#include "launcher/banner_filter.h"

#include <gtest/gtest.h>

namespace resnext::launcher {
namespace {

const std::string kRule(74, '-');

struct Filtered {
  std::string text;
  std::vector<std::string> findings;
};

/// Feeds `input` in pieces of `piece` bytes.
Filtered filter(const std::string& input, std::size_t piece) {
  BannerFilter filter;
  Filtered result;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    result.text += filter.feed(std::string_view(input).substr(at, piece));
  }
  result.text += filter.finish();
  result.findings = filter.findings();
  return result;
}

// What Open MPI 4.1.4 and 5.0.7 wrote.
const std::string kAbort41 =
    "worker: error: x\n" + kRule +
    "\nMPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\nwith errorcode 7.\n\n"
    "NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes.\n" +
    kRule + "\n" + kRule +
    "\nPrimary job  terminated normally, but 1 process returned\n"
    "a non-zero exit code. Per user-direction, the job has been aborted.\n" +
    kRule +
    "\n[vm:12345] 1 more process has sent help message help-mpi-api.txt / mpi-abort\n"
    "[vm:12345] Set MCA parameter \"orte_base_help_aggregate\" to 0 to see all help / error "
    "messages\nlast words\n";
const std::string kSlots50 =
    kRule +
    "\nThere are not enough slots available in the system to satisfy the 8\n"
    "slots that were requested by the application:\n\n  ./worker\n\nEither request fewer procs.\n" +
    kRule + "\n" + std::string(1, '\0');
const std::string kUnreachable41 =
    "ssh: Could not resolve hostname b: Name or service not known\n"
    "ssh: Could not resolve hostname b: Name or service not known\n" +
    kRule +
    "\nORTE was unable to reliably start one or more daemons.\nThis usually is caused by:\n\n"
    "* not finding the required libraries\n" +
    kRule + "\n";

TEST(BannerFilter, LeavesTheWorkersWords) {
  for (std::size_t piece = 1; piece < 200; ++piece) {
    const Filtered result = filter(kAbort41, piece);
    ASSERT_EQ(result.text, "worker: error: x\nlast words\n") << piece;
    ASSERT_TRUE(result.findings.empty()) << result.findings.front();
  }
}

TEST(BannerFilter, KeepsTheSenseOfABanner) {
  for (std::size_t piece = 1; piece < 200; ++piece) {
    const Filtered result = filter(kSlots50, piece);
    ASSERT_EQ(result.text, "") << piece;
    ASSERT_EQ(result.findings,
              (std::vector<std::string>{"There are not enough slots available in the system to "
                                        "satisfy the 8 slots that were requested by the "
                                        "application: ./worker"}));
  }
}

TEST(BannerFilter, AdviceIsDroppedAndSshHeardOnce) {
  EXPECT_EQ(
      filter(kUnreachable41, 7).findings,
      (std::vector<std::string>{"ssh: Could not resolve hostname b: Name or service not known",
                                "ORTE was unable to reliably start one or more daemons."}));
}

TEST(BannerFilter, PassesWhatOnlyLooksAlike) {
  const std::string text = "-- short rule --\n---\n[rank 3] loss 2.1\nsshd: no\nno newline at end";
  for (std::size_t piece = 1; piece < 80; ++piece) EXPECT_EQ(filter(text, piece).text, text);
}

TEST(BannerFilter, PassesTheStartOfALineAtOnce) {
  BannerFilter filter;
  EXPECT_EQ(filter.feed("epoch 1"), "epoch 1");
  EXPECT_EQ(filter.feed("\repoch 2"), "\repoch 2");
}

TEST(BannerFilter, ABannerCutShortIsNotLost) {
  EXPECT_EQ(filter(kRule + "\nmpirun noticed that process rank 1 exited on signal 9", 5).findings,
            (std::vector<std::string>{"mpirun noticed that process rank 1 exited on signal 9"}));
}

}  // namespace
}  // namespace resnext::launcher

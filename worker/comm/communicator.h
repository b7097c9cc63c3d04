#pragma once
// MPI behind RAII, with errors as exceptions and waits that end.

#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <mpi.h>

namespace resnext::worker {

/// Throws std::runtime_error naming the operation when `code` is not MPI_SUCCESS.
void check_mpi(int code, const char* operation);

/// A failure that every rank meets at the same point, so that rank 0 may speak for all.
class AgreedFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// MPI_Init to MPI_Finalize.
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

/// A communicator of our own (a duplicate, so that its operations match nobody else's).
class Communicator {
 public:
  /// A duplicate of MPI_COMM_WORLD. Collective.
  Communicator();
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  MPI_Comm get() const { return comm_; }
  int rank() const { return rank_; }
  int size() const { return size_; }

  /// How long wait() may take before it gives up.
  void set_timeout(std::chrono::seconds timeout) { timeout_ = timeout; }

  /// Waits for a request, giving the processor away between polls. Throws net::WaitTimeout when the
  /// time is up: some other rank is stuck or gone.
  void wait(MPI_Request& request, const std::string& operation) const;
  /// Whether the request is done, without waiting.
  bool test(MPI_Request& request) const;

  /// Rank 0's values to all.
  template <typename T>
  void broadcast(std::span<T> values) const;
  void broadcast_string(std::string& text) const;

  /// Every rank's text, by rank, on all of them.
  std::vector<std::string> gather_strings(const std::string& text) const;

  /// Element-wise sums over the ranks, on all of them.
  void sum(std::span<double> values) const;
  void sum(std::span<std::int64_t> values) const;
  /// The largest of the ranks' values, on all of them.
  std::int64_t maximum(std::int64_t value) const;

  /// Ends a stage of work that every rank did by itself: each passes its failure, or nullopt. The
  /// result on every rank is the first failure ("rank 3: …" where not all ranks met the same one).
  std::optional<std::string> first_failure(const std::optional<std::string>& failure) const;

  /// The same, thrown on every rank as AgreedFailure.
  void fail_together(const std::optional<std::string>& failure) const;

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::chrono::seconds timeout_{600};
};

}  // namespace resnext::worker

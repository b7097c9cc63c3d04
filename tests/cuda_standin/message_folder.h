#pragma once
// Messages between the ranks of a communicator: files of a folder in memory. Nothing here waits, so
// a rank that is dead or stopped cannot hold others up.

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace resnext::standin {

using Bytes = std::vector<char>;

class MessageFolder {
 public:
  /// `name`: the same on all ranks of the communicator, and on no other.
  MessageFolder(const std::string& name, int rank);
  ~MessageFolder();
  MessageFolder(const MessageFolder&) = delete;
  MessageFolder& operator=(const MessageFolder&) = delete;

  /// Numbers of a message, in the order in which both ends ask for them.
  std::size_t next_to(int peer) { return sent_[peer]++; }
  std::size_t next_from(int peer) { return received_[peer]++; }

  void send(int peer, std::size_t number, std::span<const char> message) const;
  /// Takes the message; nothing if it has not come yet.
  std::optional<Bytes> receive(int peer, std::size_t number) const;
  /// All messages of all ranks are lost.
  void remove() const;

 private:
  std::filesystem::path presence() const;
  std::filesystem::path file(int from, int to, std::size_t number) const;

  std::filesystem::path folder_;
  int rank_;
  std::map<int, std::size_t> sent_, received_;
};

}  // namespace resnext::standin

#include "tests/cuda_standin/message_folder.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace resnext::standin {
namespace {

std::filesystem::path parent_folder() {
  const char* folder = std::getenv("STANDIN_NCCL_FOLDER");
  return folder != nullptr ? folder : "/dev/shm";
}

}  // namespace

MessageFolder::MessageFolder(const std::string& name, int rank)
    : folder_(parent_folder() / name), rank_(rank) {
  std::filesystem::create_directories(folder_);
  std::ofstream{presence()};
}

MessageFolder::~MessageFolder() {
  std::error_code ignored;  // others may still be there, or have messages to take
  std::filesystem::remove(presence(), ignored);
  std::filesystem::remove(folder_, ignored);
}

/// A file that keeps the folder from being empty, and taken away, between two messages.
std::filesystem::path MessageFolder::presence() const {
  return folder_ / ("rank-" + std::to_string(rank_));
}

std::filesystem::path MessageFolder::file(int from, int to, std::size_t number) const {
  return folder_ / (std::to_string(from) + "-" + std::to_string(to) + "-" + std::to_string(number));
}

void MessageFolder::send(int peer, std::size_t number, std::span<const char> message) const {
  const std::filesystem::path whole = file(rank_, peer, number);
  std::filesystem::path partial = whole;
  partial += ".partial";
  std::ofstream stream(partial, std::ios::binary);
  stream.write(message.data(), std::streamsize(message.size()));
  stream.close();
  std::error_code removed;  // an aborting rank may have taken the folder away
  std::filesystem::rename(partial, whole, removed);
}

std::optional<Bytes> MessageFolder::receive(int peer, std::size_t number) const {
  const std::filesystem::path path = file(peer, rank_, number);
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream) return std::nullopt;
  Bytes message(static_cast<std::size_t>(stream.tellg()));
  stream.seekg(0);
  stream.read(message.data(), std::streamsize(message.size()));
  std::filesystem::remove(path);
  return message;
}

void MessageFolder::remove() const {
  std::error_code already;
  std::filesystem::remove_all(folder_, already);
}

}  // namespace resnext::standin

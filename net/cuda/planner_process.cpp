#include "net/cuda/planner_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace resnext::net::cuda {
namespace {

[[noreturn]] void throw_errno(int error, const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(error)));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File temporary_file() {
  File file(std::tmpfile());
  if (!file) throw_errno(errno, "a temporary file for the planner");
  return file;
}

void write(std::FILE* file, const std::string& text) {
  const bool whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (!whole || std::fflush(file) != 0) throw_errno(errno, "a temporary file for the planner");
  std::rewind(file);
}

std::string contents(std::FILE* file) {
  std::string text;
  std::array<char, 4096> piece{};
  std::rewind(file);
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), file)) {
    text.append(piece.data(), count);
  }
  return text;
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

/// Texts as C takes them: pointers, and a null behind them.
class PointerList {
 public:
  void add(std::string text) { texts_.push_back(std::move(text)); }
  char** get() {
    pointers_.clear();
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
    return pointers_.data();
  }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

PointerList environment_with(std::span<const std::string> own) {
  PointerList list;
  for (const std::string& variable : own) list.add(variable);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const auto is_replaced = [&](const std::string& variable) {
      return name_of(variable) == name_of(*entry);
    };
    if (std::ranges::none_of(own, is_replaced)) list.add(*entry);
  }
  return list;
}

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  void give(std::FILE* file, int as) {
    posix_spawn_file_actions_adddup2(&actions_, fileno(file), as);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw_errno(errno, "waiting for the planner");
  }
  return status;
}

}  // namespace

// By files, not pipes: neither side can block the other.
ProcessResult run_process(const ProcessRequest& request) {
  const File in = temporary_file(), out = temporary_file(), error = temporary_file();
  write(in.get(), request.input);
  FileActions actions;
  actions.give(in.get(), STDIN_FILENO);
  actions.give(out.get(), STDOUT_FILENO);
  actions.give(error.get(), STDERR_FILENO);
  const std::string program = request.program.string();
  PointerList arguments;
  arguments.add(program);
  for (const std::string& argument : request.arguments) arguments.add(argument);
  PointerList environment = environment_with(request.environment);
  pid_t child = 0;
  const int failed = posix_spawn(&child, program.c_str(), actions.get(), nullptr, arguments.get(),
                                 environment.get());
  if (failed != 0) throw_errno(failed, program);
  const int status = wait_for(child);
  ProcessResult result{contents(out.get()), WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                       WIFEXITED(status) ? WEXITSTATUS(status) : 0};
  if (result.output.empty() && result.signal == 0) {
    std::string words = contents(error.get());
    words.resize(std::min(words.find('\n'), words.size()));
    throw std::runtime_error(
        fmt::format("{} says nothing (exit code {}): {}", program, result.code, words));
  }
  return result;
}

}  // namespace resnext::net::cuda

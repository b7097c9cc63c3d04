#include "worker/stop_signal.h"

#include <array>
#include <csignal>
#include <ctime>

namespace resnext::worker {
namespace {

constexpr std::array kSignals = {SIGTERM, SIGINT, SIGUSR1};

// A signal handler can reach nothing but a static.
volatile std::sig_atomic_t stop_signal = 0;
volatile std::time_t stop_time = 0;

constexpr std::time_t kImpatienceSeconds = 3;

void ask_to_stop(int signal) {
  const std::time_t now = std::time(nullptr);  // async-signal-safe
  if (stop_signal == 0) {
    stop_time = now;
    stop_signal = signal;
  } else if (now - stop_time >= kImpatienceSeconds) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

}  // namespace

StopSignal::StopSignal() {
  stop_signal = 0;
  for (const int signal : kSignals) std::signal(signal, ask_to_stop);
}

StopSignal::~StopSignal() {
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
}

int StopSignal::received() const {
  return stop_signal;
}

}  // namespace resnext::worker

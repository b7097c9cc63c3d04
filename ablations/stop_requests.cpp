#include "ablations/stop_requests.h"

#include <ctime>
#include <initializer_list>

namespace resnext::ablations {

StopRequests::StopRequests() {
  sigemptyset(&mask_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&mask_, signal);
  sigprocmask(SIG_BLOCK, &mask_, &before_);
}

StopRequests::~StopRequests() {
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int StopRequests::count() {
  wait(0);
  return count_;
}

void StopRequests::wait(int milliseconds) {
  const timespec time{milliseconds / 1000, (milliseconds % 1000) * 1'000'000L};
  if (sigtimedwait(&mask_, nullptr, &time) > 0) ++count_;
}

}  // namespace resnext::ablations

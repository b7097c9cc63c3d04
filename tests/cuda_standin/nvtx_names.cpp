#include "tests/cuda_standin/nvtx_names.h"

#include <cstdint>
#include <mutex>
#include <vector>

#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>

#include "tests/cuda_standin/stream_scheduler.h"

namespace resnext::standin {
namespace {

std::vector<std::string>& ranges() {
  thread_local std::vector<std::string> stack;
  return stack;
}

int push(const std::string& name) {
  ranges().push_back(name);
  return static_cast<int>(ranges().size()) - 1;
}

int push_plain(const char* name) {
  return push(name);
}

int push_wide(const wchar_t*) {
  return push("");
}

int push_with_attributes(const nvtxEventAttributes_t* attributes) {
  const bool plain = attributes->messageType == NVTX_MESSAGE_TYPE_ASCII;
  return push(plain ? attributes->message.ascii : "");
}

int pop() {
  if (ranges().empty()) return -1;
  ranges().pop_back();
  return static_cast<int>(ranges().size());
}

void name_stream(cudaStream_t stream, const char* name) {
  const std::lock_guard lock(scheduler().mutex());
  scheduler().stream(stream)->name = name;
}

void name_event(cudaEvent_t event, const char* name) {
  const std::lock_guard lock(scheduler().mutex());
  reinterpret_cast<Event*>(event)->name = name;
}

/// NVTX's table of a module: where it looks for the functions that its own call.
class CallbackTable {
 public:
  CallbackTable(NvtxGetExportTableFunc_t get_table, NvtxCallbackModule module) {
    const auto* exported =
        static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
    if (exported == nullptr || exported->GetModuleFunctionTable(module, &table_, &size_) == 0) {
      size_ = 0;
    }
  }

  template <typename Function>
  void set(unsigned id, Function* function) {
    if (id < size_) *table_[id] = reinterpret_cast<NvtxFunctionPointer>(function);
  }

 private:
  NvtxFunctionTable table_ = nullptr;
  unsigned size_ = 0;
};

}  // namespace

std::string present_range() {
  return ranges().empty() ? "" : ranges().back();
}

}  // namespace resnext::standin

/// Before a program's first use of it, NVTX loads the library that NVTX_INJECTION64_PATH names, and
/// calls this function of it.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
  using namespace resnext::standin;
  CallbackTable core(get_table, NVTX_CB_MODULE_CORE);
  core.set(NVTX_CBID_CORE_RangePushA, push_plain);
  core.set(NVTX_CBID_CORE_RangePushW, push_wide);
  core.set(NVTX_CBID_CORE_RangePushEx, push_with_attributes);
  core.set(NVTX_CBID_CORE_RangePop, pop);
  CallbackTable runtime(get_table, NVTX_CB_MODULE_CUDART);
  runtime.set(NVTX_CBID_CUDART_NameCudaStreamA, name_stream);
  runtime.set(NVTX_CBID_CUDART_NameCudaEventA, name_event);
  return 1;
}

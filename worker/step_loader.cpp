#include "worker/step_loader.h"

#include <stdexcept>

namespace resnext::worker {
namespace {

data::Sampler::Options sampling(const Setup& setup) {
  data::Sampler::Options options;
  options.dataset_size = setup.training->info().size;
  options.replicas = setup.options.micro_batches();
  options.batch_per_replica = setup.options.batch_per_replica;
  options.seed = setup.options.seed;
  options.shuffle = setup.options.shuffle;
  return options;
}

}  // namespace

StepLoader::StepLoader(Setup& setup, int first, int count, std::uint64_t first_step)
    : sampler_(sampling(setup)),
      transform_(data::make_augmentation(setup.options.augment, setup.options.image_size,
                                         {setup.options.mean, setup.options.deviation})) {
  data::Loader::Options loading;
  loading.size = setup.options.image_size;
  loading.channels = setup.training->info().channels;
  loading.decode_threads = setup.options.decode_threads;
  loading.queue_batches = 2 + count;
  loading.seed = setup.options.seed;
  const std::uint64_t per_pass = sampler_.steps_per_epoch(), total = setup.total_steps;
  loader_ = std::make_unique<data::Loader>(
      *setup.training, *transform_,
      [=, sampler = sampler_, step = first_step,
       local = 0]() mutable -> std::optional<data::BatchRequest> {
        if (step >= total) return std::nullopt;
        const std::uint64_t pass = step / per_pass + 1;  // whatever --epoch-steps calls an epoch
        data::BatchRequest request{pass,
                                   sampler.replica_samples(pass, step % per_pass, first + local)};
        if (++local == count) {
          local = 0;
          ++step;
        }
        return request;
      },
      loading);
}

const data::LoadedBatch& StepLoader::next() {
  const data::LoadedBatch* batch = loader_->next();
  if (batch == nullptr) throw std::logic_error("the loader ended before the run");
  return *batch;
}

std::size_t StepLoader::global_batch(std::uint64_t step) const {
  return sampler_.global_batch(step % sampler_.steps_per_epoch());
}

}  // namespace resnext::worker

#include "ablations/sweep_options.h"

#include <sstream>

#include <fmt/format.h>

#include "cli/comma_list.h"
#include "cli/program.h"

namespace resnext::ablations {
namespace {

namespace po = boost::program_options;

constexpr const char* kUsage =
    "Usage: resnext-sweep TABLE --scale SCALE [options]\n"
    "Trains every row of a table of the paper, and compares what comes out with the paper.\n"
    "The same command goes on where it was stopped, or killed: nothing done is done again.\n\n"
    "Example: resnext-sweep table3 --scale smoke\n"
    "         resnext-sweep table3 --scale proxy --images cifar10 --jobs 2 --dry-run\n\n"
    "TABLE is table3 to table7, shortcuts, figure5, figure6, figure7, or a file of that form\n"
    "(ablations/README.md). Results go to results/SCALE/TABLE.h5, .md and .html.\n\n";

po::options_description options_of(SweepOptions& o, std::string& rows, std::string& slurm) {
  po::options_description options("Options");
  auto add = options.add_options();
  add("table", po::value(&o.table), "the table; needs no --table before it");
  add("scale", po::value(&o.scale)->value_name("SCALE"),
      "paper, gpu-proxy, proxy or smoke, as the table has it: how large an experiment");
  add("rows", po::value(&rows)->value_name("ROW,..."),
      "train these rows only; the table shows what there is of the others");
  add("seeds", po::value(&o.seeds)->value_name("N"), "train with seeds 1 to N [the table's]");
  add("jobs", po::value(&o.jobs)->value_name("J"),
      "runs at once, on disjoint cores, GPUs or hosts [1]");
  add("folder", po::value(&o.folder)->value_name("DIR"), "where all files go [results/SCALE]");
  add("images", po::value(&o.images)->composing()->value_name("DIR"),
      "folder of images to pack; SET=DIR where a table has several sets");
  add("data", po::value(&o.data)->composing()->value_name("SHARDS"),
      "training shards, packed already; or SET=SHARDS");
  add("val-data", po::value(&o.val_data)->composing()->value_name("SHARDS"),
      "validation shards, likewise");
  add("device", po::value(&o.device)->value_name("KIND"), "auto, cpu or cuda, as resnext-worker's");
  add("hosts", po::value(&o.hosts)->value_name("HOST[:SLOTS],..."),
      "hosts to run on; --jobs shares them out");
  add("slurm", po::value(&slurm)->implicit_value("")->value_name("OPTIONS"),
      "run as a Slurm job array; OPTIONS go to sbatch, in one word: --slurm='--time=8:00:00'");
  add("gpu-kind", po::value(&o.gpu_kind)->value_name("GPU"),
      "plan the time by the roofline of a100, h100, h200, b200 or FILE.json, not by measuring");
  add("dry-run", po::bool_switch(&o.dry_run), "show plan, cost and command lines; train nothing");
  add("status", po::bool_switch(&o.status), "show how far it is, also while another sweeps");
  add("report", po::bool_switch(&o.report), "write the table of what there is; train nothing");
  add("code-version", po::value(&o.code_version)->value_name("TEXT"),
      "with --status and --report: of results of that version [the worker's]");
  add("help,h", po::bool_switch(), "this text");
  return options;
}

void require(bool condition, const char* message) {
  if (!condition) throw cli::UsageError(message);
}

void check(const SweepOptions& o, const po::variables_map& values) {
  require(!o.table.empty(), "no TABLE given; --help shows the usage");
  require(!o.scale.empty(), "--scale: give paper, gpu-proxy, proxy or smoke");
  require(values.count("seeds") == 0 || (o.seeds >= 1 && o.seeds <= 1'000'000),
          "--seeds: must be 1 or more");
  require(o.jobs >= 1, "--jobs: must be 1 or more");
  require(o.device == "auto" || o.device == "cpu" || o.device == "cuda",
          "--device: must be auto, cpu or cuda");
  require(int(o.dry_run) + int(o.status) + int(o.report) <= 1,
          "--dry-run, --status and --report: give one of them");
  require(o.code_version.empty() || o.status || o.report,
          "--code-version: goes with --status or --report; new runs are of the worker's version");
  require(!o.slurm || o.hosts.empty(), "--slurm and --hosts: give one of them");
  require(o.gpu_kind.empty() || o.device != "cpu",
          "--gpu-kind: plans for GPUs, and --device is cpu; leave out one of them");
}

}  // namespace

std::optional<SweepOptions> parse_sweep_options(const std::vector<std::string>& arguments) {
  SweepOptions o;
  std::string rows;
  std::string slurm;
  const po::options_description options = options_of(o, rows, slurm);
  po::positional_options_description positional;
  positional.add("table", 1);
  po::variables_map values = cli::parse_command_line(arguments, options, positional);
  if (values["help"].as<bool>()) {
    std::ostringstream text;
    text << kUsage << options;
    fmt::print("{}", text.str());
    return std::nullopt;
  }
  po::notify(values);
  if (values.count("slurm") > 0) o.slurm = slurm;
  o.rows = cli::split_at_commas(rows);
  check(o, values);
  if (o.folder.empty()) o.folder = "results/" + o.scale;
  return o;
}

std::string path_for(const std::string& set, const std::vector<std::string>& values) {
  std::string plain;
  std::string own;
  for (const std::string& value : values) {
    const auto sign = value.find('=');
    if (sign == std::string::npos) {
      plain = value;
    } else if (value.substr(0, sign) == set) {
      own = value.substr(sign + 1);
    }
  }
  return own.empty() ? plain : own;
}

}  // namespace resnext::ablations

"""The plugin holds code for the GPUs it was built for, and a kernel that spills registers does not compile."""

import os
import struct
import subprocess
import tempfile
import unittest

PLUGIN = os.environ["RESNEXT_CUDA_PLUGIN"]
NVCC = os.environ["RESNEXT_NVCC"]
KERNEL_OPTIONS = os.environ["RESNEXT_KERNEL_OPTIONS"].split()
REQUIRED = {80, 90, 100}

# 64 values live at once; FEW_REGISTERS leaves a thread 32 registers.
KERNEL = """
__global__ void
#ifdef FEW_REGISTERS
__launch_bounds__(1024, 2)
#endif
mix(const float* from, float* to) {
  float values[64];
  for (int i = 0; i < 64; ++i) values[i] = from[threadIdx.x * 64 + i];
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 64; ++i) values[i] += values[(i * 7 + 3) % 64];
  }
  for (int i = 0; i < 64; ++i) to[threadIdx.x * 64 + i] = values[i];
}
"""

# What nvcc embeds for each source file: a header (magic, version, its own size, size of all behind it), then for each
# architecture an entry: kind (2: machine code), version, size of its header, size of its image, …, at byte 28 the sm.
MAGIC = struct.pack("<I", 0xBA55ED50)
HEADER = struct.Struct("<IHHQ")
ENTRY = struct.Struct("<HHIQ12xI")
MACHINE_CODE = 2


def machine_code(path):
    """A set of architectures (90 is sm_90) for each source file with kernels in a binary."""
    with open(path, "rb") as file:
        binary = file.read()
    found, at = [], binary.find(MAGIC)
    while at >= 0:
        _, version, header_bytes, bytes_behind = HEADER.unpack_from(binary, at)
        if version == 1 and header_bytes == HEADER.size:
            found.append(_architectures(binary[at + header_bytes:at + header_bytes + bytes_behind]))
        at = binary.find(MAGIC, at + len(MAGIC))
    return found


def _architectures(entries):
    architectures, at = set(), 0
    while at + ENTRY.size <= len(entries):
        kind, _, header_bytes, image_bytes, architecture = ENTRY.unpack_from(entries, at)
        if kind == MACHINE_CODE:
            architectures.add(architecture)
        at += header_bytes + image_bytes
    return architectures


class CompileGate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.object = os.path.join(folder.name, "kernel.o")
        self.source = os.path.join(folder.name, "kernel.cu")
        with open(self.source, "w") as file:
            file.write(KERNEL)

    def compile(self, *options):
        """How nvcc ended, for one architecture, with the options that the plugin's kernels are compiled with."""
        return subprocess.run([NVCC, *KERNEL_OPTIONS, "--generate-code=arch=compute_90,code=sm_90", *options, "-c",
                               self.source, "-o", self.object], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_every_kernel_is_compiled_for_every_gpu(self):
        found = machine_code(PLUGIN)
        print(f"{PLUGIN}: machine code of {len(found)} files, for {[sorted(each) for each in found]}")
        self.assertGreater(len(found), 0, "the plugin holds no kernels")
        for each in found:
            self.assertLessEqual(REQUIRED, each)

    def test_code_for_one_gpu_is_seen_as_that(self):
        finished = self.compile()
        self.assertEqual(finished.returncode, 0, finished.stdout)
        self.assertEqual(machine_code(self.object), [{90}])

    def test_a_spill_does_not_compile(self):
        finished = self.compile("-DFEW_REGISTERS")
        self.assertNotEqual(finished.returncode, 0)
        self.assertIn("Registers are spilled to local memory", finished.stdout)


if __name__ == "__main__":
    unittest.main()

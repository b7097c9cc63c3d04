// The part of the driver that planning needs: cuDNN loads what it has compiled, and asks for its
// kernels. An image that is not for the GPU that is planned for ($RESNEXT_PLANNED_SM), or lacks the
// kernel, is refused, as a real driver would.
#define _GNU_SOURCE
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kSuccess = 0,
  kNoDevice = 100,
  kNoBinaryForGpu = 209,
  kNotFound = 500,
  kOutOfMemory = 2,
  kElfMachineCuda = 190
};

/// A copy of an image; what cuDNN holds as a library or module.
typedef struct {
  int is_elf;
  unsigned char bytes[];
} Image;

static size_t elf_bytes(const void* image) {
  const Elf64_Ehdr* header = image;
  const Elf64_Shdr* sections = (const void*)((const char*)image + header->e_shoff);
  size_t end = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
  const size_t programs = header->e_phoff + (size_t)header->e_phnum * header->e_phentsize;
  if (programs > end) end = programs;
  for (int i = 0; i < header->e_shnum; ++i) {
    const size_t last = sections[i].sh_offset + sections[i].sh_size;
    if (sections[i].sh_type != SHT_NOBITS && last > end) end = last;
  }
  return end;
}

static int load(void** library, const void* image) {
  const int is_elf = memcmp(image, ELFMAG, SELFMAG) == 0;
  const size_t bytes = is_elf ? elf_bytes(image) : 0;
  Image* copy = malloc(sizeof(Image) + bytes);
  if (copy == NULL) return kOutOfMemory;
  copy->is_elf = is_elf;
  memcpy(copy->bytes, image, bytes);
  *library = copy;
  return kSuccess;
}

static int has_symbol(const unsigned char* image, const char* name) {
  const Elf64_Ehdr* header = (const void*)image;
  const Elf64_Shdr* sections = (const void*)(image + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym* symbols = (const void*)(image + sections[i].sh_offset);
    const char* names = (const char*)image + sections[sections[i].sh_link].sh_offset;
    const size_t count = sections[i].sh_size / sizeof *symbols;
    for (size_t k = 0; k < count; ++k) {
      if (strcmp(names + symbols[k].st_name, name) == 0) return 1;
    }
  }
  return 0;
}

static int find_kernel(void** kernel, const Image* image, const char* name) {
  if (image->is_elf) {
    const Elf64_Ehdr* header = (const void*)image->bytes;
    const char* planned = getenv("RESNEXT_PLANNED_SM");
    const int sm = (int)((header->e_flags >> 8) & 0xff);
    if (header->e_machine != kElfMachineCuda || (planned != NULL && atoi(planned) != sm)) {
      fprintf(stderr, "planning driver: refused an image for sm_%d\n", sm);
      return kNoBinaryForGpu;
    }
    if (!has_symbol(image->bytes, name)) return kNotFound;
  }
  *kernel = (void*)image;
  return kSuccess;
}

int cuInit(unsigned flags) {
  (void)flags;
  return kNoDevice;
}
int cuDriverGetVersion(int* version) {
  *version = 13000;
  return kSuccess;
}
int cuGetErrorString(int error, const char** text) {
  (void)error;
  *text = "planning driver: no device";
  return kSuccess;
}
int cuGetErrorName(int error, const char** text) {
  (void)error;
  *text = "CUDA_ERROR_NO_DEVICE";
  return kSuccess;
}
int cuLibraryLoadData(void** library, const void* image, void* a, void* b, unsigned c, void* d,
                      void* e, unsigned f) {
  (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
  return load(library, image);
}
int cuModuleLoadData(void** module, const void* image) {
  return load(module, image);
}
int cuModuleLoadDataEx(void** module, const void* image, unsigned count, void* a, void* b) {
  (void)count, (void)a, (void)b;
  return load(module, image);
}
int cuModuleLoadFatBinary(void** module, const void* image) {
  return load(module, image);
}
int cuLibraryUnload(void* library) {
  free(library);
  return kSuccess;
}
int cuModuleUnload(void* module) {
  free(module);
  return kSuccess;
}
int cuLibraryGetKernel(void** kernel, void* library, const char* name) {
  return find_kernel(kernel, library, name);
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
  return find_kernel(function, module, name);
}
int cuLibraryGetModule(void** module, void* library) {
  *module = library;
  return kSuccess;
}
int cuKernelGetFunction(void** function, void* kernel) {
  *function = kernel;
  return kSuccess;
}
int cuKernelSetAttribute(int attribute, int value, void* kernel, int device) {
  (void)attribute, (void)value, (void)kernel, (void)device;
  return kSuccess;
}
int cuFuncSetAttribute(void* function, int attribute, int value) {
  (void)function, (void)attribute, (void)value;
  return kSuccess;
}
int cuKernelGetAttribute(int* value, int attribute, void* kernel, int device) {
  (void)attribute, (void)kernel, (void)device;
  *value = 0;
  return kSuccess;
}
int cuFuncGetAttribute(int* value, int attribute, void* function) {
  (void)attribute, (void)function;
  *value = 0;
  return kSuccess;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int block_size,
                                                size_t shared_bytes) {
  (void)function, (void)block_size, (void)shared_bytes;
  *blocks = 1;
  return kSuccess;
}
int cuOccupancyMaxPotentialClusterSize(int* size, void* function, void* configuration) {
  (void)function, (void)configuration;
  *size = 16;
  return kSuccess;
}

# Finds the CUDA toolkit with cuDNN and NCCL. Sets RESNEXT_CUDA_FOUND, and defines the target
# resnext_cuda_libraries (headers; CUDA runtime, cuDNN, NCCL).
# RESNEXT_CUDA: AUTO (use it if it is there), ON (fail without it), OFF.
set(RESNEXT_CUDA AUTO CACHE STRING "Build the CUDA plugin: AUTO, ON or OFF")
set(RESNEXT_CUDA_FOUND FALSE)
if(RESNEXT_CUDA STREQUAL OFF)
  return()
endif()

# NVIDIA's compiler is asked for by hand, so that its absence is no error.
find_program(RESNEXT_NVCC nvcc PATHS /usr/local/cuda/bin ENV CUDA_HOME PATH_SUFFIXES bin)
set(missing "")
if(RESNEXT_NVCC)
  get_filename_component(nvcc_folder "${RESNEXT_NVCC}" REALPATH)
  get_filename_component(RESNEXT_CUDA_ROOT "${nvcc_folder}/../.." ABSOLUTE)
  set(hints HINTS ${RESNEXT_CUDA_ROOT} /usr/local/cuda PATH_SUFFIXES include lib lib64
            targets/x86_64-linux/lib)
  foreach(part cuda_runtime_api.h:cudart cudnn.h:cudnn nccl.h:nccl)
    string(REPLACE ":" ";" part "${part}")
    list(GET part 0 header)
    list(GET part 1 library)
    find_path(RESNEXT_${library}_INCLUDE ${header} ${hints})
    find_library(RESNEXT_${library}_LIBRARY ${library} ${hints})
    if(NOT RESNEXT_${library}_INCLUDE OR NOT RESNEXT_${library}_LIBRARY)
      list(APPEND missing ${library})
    endif()
  endforeach()
else()
  set(missing nvcc)
endif()

if(missing)
  if(RESNEXT_CUDA STREQUAL ON)
    message(FATAL_ERROR "RESNEXT_CUDA is ON, but these were not found: ${missing}")
  endif()
  message(STATUS "No CUDA engine: not found: ${missing}")
  return()
endif()

set(RESNEXT_CUDA_FOUND TRUE)
set(CMAKE_CUDA_COMPILER "${RESNEXT_NVCC}" CACHE FILEPATH "")
if(NOT CMAKE_CUDA_ARCHITECTURES)
  # The oldest that cuDNN 9 computes on, data-centre GPUs, and code for later ones.
  set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 100 CACHE STRING "" FORCE)
endif()
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc has it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()

add_library(resnext_cuda_libraries INTERFACE)
foreach(library cudart cudnn nccl)
  target_include_directories(resnext_cuda_libraries SYSTEM INTERFACE ${RESNEXT_${library}_INCLUDE})
  target_link_libraries(resnext_cuda_libraries INTERFACE ${RESNEXT_${library}_LIBRARY})
endforeach()

# Language, warnings, hardening and sanitizers: the flags of docs/architecture.md section 7.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

option(TUNIKE_TESTS "build the tests" ON)
option(TUNIKE_WERROR "warnings are errors" OFF)
option(TUNIKE_FUZZ "build the libFuzzer targets (clang)" OFF)
option(TUNIKE_COVERAGE "instrument for coverage" OFF)
set(TUNIKE_SANITIZE "" CACHE STRING "comma separated sanitizers: address,undefined or thread")

add_compile_definitions(_GNU_SOURCE)
include_directories(${CMAKE_SOURCE_DIR})
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wcast-qual -Wformat=2 -Wvla -Wundef
  -fstack-protector-strong -fno-strict-aliasing -fno-common)
if(TUNIKE_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|aarch64")
  add_compile_options(-fstack-clash-protection)
endif()
add_link_options(-pie -Wl,-z,relro,-z,now)

if(TUNIKE_SANITIZE)
  add_compile_options(-fsanitize=${TUNIKE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TUNIKE_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
# The program is optimized as a whole, since a packet meets many small functions of several rooms. The
# libraries keep ordinary code beside that, for the suites.
set(TUNIKE_LTO OFF)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT TUNIKE_SANITIZE AND NOT TUNIKE_COVERAGE
   AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(TUNIKE_LTO ON)
endif()
if(TUNIKE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(TUNIKE_COVERAGE)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()

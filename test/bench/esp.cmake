add_executable(bench_esp ${CMAKE_SOURCE_DIR}/test/bench/bench_esp.c ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
target_link_libraries(bench_esp PRIVATE tunike_esp)

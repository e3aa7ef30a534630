add_executable(bench_esp ${CMAKE_SOURCE_DIR}/test/bench/bench_esp.c ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
target_link_libraries(bench_esp PRIVATE tunike_esp)

add_executable(bench_insn ${CMAKE_SOURCE_DIR}/test/bench/bench_insn.c ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
target_link_libraries(bench_insn PRIVATE tunike_esp tunike_tun tunike_udp)

add_executable(bench_stall ${CMAKE_SOURCE_DIR}/test/bench/bench_stall.c ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
target_link_libraries(bench_stall PRIVATE tunike_esp)

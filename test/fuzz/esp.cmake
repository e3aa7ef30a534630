tunike_fuzz_target(esp_decap tunike_esp)
target_sources(fuzz_esp_decap PRIVATE ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
tunike_fuzz_target(flow tunike_esp)
target_sources(fuzz_flow PRIVATE ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)

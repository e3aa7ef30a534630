foreach(name flow guess)
  tunike_unit_test(esp_${name} tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_${name}.c)
endforeach()
tunike_unit_test(esp_sad tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_sad.c
  ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
tunike_unit_test(esp_resync tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_resync.c
  ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)

foreach(name header fragment transport pmtu tfc)
  tunike_unit_test(esp_${name} tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_${name}.c
    ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
endforeach()

tunike_unit_test(esp_scale tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_scale.c
  ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)

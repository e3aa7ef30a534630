if(NOT TARGET tunike_udp)
  add_subdirectory(${CMAKE_SOURCE_DIR}/daemon/udp ${CMAKE_BINARY_DIR}/daemon/udp)
endif()

foreach(name csum cut tun_mem netcfg netcfg_dev netcfg_journal netcfg_underlay)
  tunike_unit_test(${name} tunike_tun ${CMAKE_SOURCE_DIR}/test/unit/test_${name}.c)
endforeach()
foreach(name gso gro)
  tunike_unit_test(${name} tunike_tun ${CMAKE_SOURCE_DIR}/test/unit/test_${name}.c
    ${CMAKE_SOURCE_DIR}/test/unit/offload_pkt.c)
endforeach()
tunike_unit_test(tun_icmp tunike_tun ${CMAKE_SOURCE_DIR}/test/unit/test_tun_icmp.c)
tunike_unit_test(udp tunike_udp ${CMAKE_SOURCE_DIR}/test/unit/test_udp.c)
tunike_unit_test(udp_trains tunike_udp ${CMAKE_SOURCE_DIR}/test/unit/test_udp_trains.c)
# Both rooms together: datagrams leave by the interface that they are pinned to.
tunike_unit_test(netcfg_pin tunike_tun ${CMAKE_SOURCE_DIR}/test/netns/netcfg_pin.c)
target_link_libraries(test_netcfg_pin PRIVATE tunike_udp)

set_tests_properties(netcfg netcfg_dev netcfg_journal netcfg_underlay netcfg_pin udp udp_trains
  PROPERTIES SKIP_RETURN_CODE 77)

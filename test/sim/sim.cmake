if(TARGET tunike_ike AND TARGET tunike_config)
  add_library(tunike_sim STATIC
    ${CMAKE_SOURCE_DIR}/test/sim/rand.c
    ${CMAKE_SOURCE_DIR}/test/sim/net.c
    ${CMAKE_SOURCE_DIR}/test/sim/host.c
    ${CMAKE_SOURCE_DIR}/test/sim/evil.c
    ${CMAKE_SOURCE_DIR}/test/sim/scenario.c
    ${CMAKE_SOURCE_DIR}/test/sim/story.c
    ${CMAKE_SOURCE_DIR}/test/sim/walk.c)
  target_link_libraries(tunike_sim PUBLIC tunike_ike tunike_config tunike_base PkgConfig::OPENSSL
    PkgConfig::CHECK)

  foreach(name handshake errors children attack evil rekey crossing walk reauth childless redirect announce pair vip vip_evil)
    tunike_unit_test(sim_${name} tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_${name}.c)
  endforeach()

  tunike_unit_test(sim_hint tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_hint.c)
  tunike_unit_test(sim_ppk tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_ppk.c)
  tunike_unit_test(sim_transforms tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_transforms.c)
  tunike_unit_test(sim_qcd tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_qcd.c)
  foreach(name resume resume_evil)
    tunike_unit_test(sim_${name} tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_${name}.c
      ${CMAKE_SOURCE_DIR}/test/sim/tickets.c)
  endforeach()

  foreach(name fragment fragment_evil intermediate series)
    tunike_unit_test(sim_${name} tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_${name}.c
      ${CMAKE_SOURCE_DIR}/test/sim/pieces.c)
  endforeach()
  tunike_unit_test(sim_secrets tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_secrets.c)
  target_link_options(test_sim_secrets PRIVATE -Wl,--wrap=free -Wl,--wrap=realloc)
  tunike_unit_test(sim_flood tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_flood.c)
  target_link_options(test_sim_flood PRIVATE
    -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free)
  tunike_unit_test(sim_wire tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_wire.c)
  tunike_unit_test(sim_accept tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_accept.c)
  tunike_unit_test(sim_puzzle tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_puzzle.c)
  tunike_unit_test(sim_mode tunike_sim ${CMAKE_SOURCE_DIR}/test/sim/test_sim_mode.c)

  add_executable(bench_handshake ${CMAKE_SOURCE_DIR}/test/bench/bench_handshake.c)
  target_link_libraries(bench_handshake PRIVATE tunike_sim)
endif()

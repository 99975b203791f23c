// AMX tiles on a processor without them: the machine code of the kernels runs as it is, and each of its tile
// instructions, which the processor refuses, is done in plain C by the handler of that refusal.
#pragma once

// Installs the handler of SIGILL, once for the process; other illegal instructions go where they went before. Returns
// whether tile instructions can be executed here: 0 on a processor of another architecture.
int svc_emulate_tiles(void);

// Tile instructions emulated on this thread so far, so that a test can see that there were some.
long svc_tile_instructions(void);

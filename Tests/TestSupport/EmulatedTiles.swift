package import Compute
import TileEmulator

/// AMX by emulation, on a processor that has everything else it takes; nil on others.
package let emulatedTiles: ComputeBackend? =
    InstructionSet.detected == .avx512vnni && svc_emulate_tiles() != 0 ? ComputeBackend(emulating: .amx) : nil

/// Whatever multiplies by tiles: the processor's own, or emulated. Nil where there is neither, and nothing of them that
/// could be wrong.
package let tiles: ComputeBackend? =
    InstructionSet.detected == .amx ? ComputeBackend(instructionSet: .amx) : emulatedTiles

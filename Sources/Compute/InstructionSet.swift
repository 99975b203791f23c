internal import CKernels

/// The sets of vector instructions that the kernels are written for, weakest first.
package enum InstructionSet: String, CaseIterable, Sendable, Comparable {
    /// Plain C, for any processor.
    case portable
    /// AVX2, FMA and F16C.
    case avx2
    /// AVX-512 with the 8-bit dot product (VNNI).
    case avx512vnni
    /// AVX-512 with AMX, which multiplies tiles of 8-bit integers.
    case amx

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (a: InstructionSet, b: InstructionSet) -> Bool { a.rank < b.rank }

    /// The most capable set that both this processor and its operating system support.
    package static let detected: InstructionSet =
        switch svc_detect_isa() {
        case svc_isa_amx: .amx
        case svc_isa_avx512vnni: .avx512vnni
        case svc_isa_avx2: .avx2
        default: .portable
        }

    /// Every set that can run here, weakest first.
    package static var available: [InstructionSet] { allCases.filter { $0 <= detected } }

    var code: svc_isa {
        switch self {
        case .portable: svc_isa_portable
        case .avx2: svc_isa_avx2
        case .avx512vnni: svc_isa_avx512vnni
        case .amx: svc_isa_amx
        }
    }
}

internal import CKernels

/// Which code does the arithmetic: the kernels of an instruction set, and who multiplies matrices.
/// A small value that is handed to everything that computes; two backends can live side by side, which is how
/// tests hold one against the other.
///
/// `@unchecked Sendable`: `kernels` points to a constant table of the program.
package struct ComputeBackend: @unchecked Sendable {
    /// Who multiplies matrices.
    package enum Products: String, Sendable, CaseIterable {
        /// The kernels of the instruction set.
        case native
        /// OpenBLAS `sgemm` for every product, also for quantised weights and attention: slower, and the independent
        /// check of the kernels. Integer products stay exact, because they are cut into sums below 2^24.
        case openblas
    }

    /// The instruction set whose kernels are used.
    package let instructionSet: InstructionSet
    /// Who multiplies matrices.
    package let products: Products
    let kernels: UnsafePointer<svc_kernels>

    /// A backend on the given instruction set, or on the best one that this machine has below it.
    package init(instructionSet cap: InstructionSet = .detected, products: Products = .native) {
        let chosen = min(cap, InstructionSet.detected)
        guard let table = svc_kernels_for(chosen.code) else {
            preconditionFailure("the kernels for \(chosen) are not compiled in although they were detected")
        }
        self.instructionSet = chosen
        self.products = products
        self.kernels = table
        if products == .openblas { OpenBLAS.useOneThreadPerCall() }
    }

    /// A backend on an instruction set without asking whether this machine has it: for tests, which emulate what it lacks.
    package init?(emulating instructionSet: InstructionSet) {
        guard let table = svc_kernels_of(instructionSet.code) else { return nil }
        self.instructionSet = instructionSet
        products = .native
        kernels = table
    }

    /// A backend as the environment asks for it: `SVC_CPU_ISA` caps the instruction set, `SVC_COMPUTE=openblas`
    /// forces OpenBLAS.
    ///
    /// - Throws: `ComputeConfigurationError` for a value that is not one of those.
    package init(environment: [String: String]) throws {
        var cap = InstructionSet.amx
        if let name = environment["SVC_CPU_ISA"], !name.isEmpty {
            guard let value = InstructionSet(rawValue: name) else {
                throw ComputeConfigurationError(
                    variable: "SVC_CPU_ISA", value: name, allowed: InstructionSet.allCases.map(\.rawValue))
            }
            cap = value
        }
        var products = Products.native
        if let name = environment["SVC_COMPUTE"], !name.isEmpty {
            guard let value = Products(rawValue: name) else {
                throw ComputeConfigurationError(
                    variable: "SVC_COMPUTE", value: name, allowed: Products.allCases.map(\.rawValue))
            }
            products = value
        }
        self.init(instructionSet: cap, products: products)
    }
}

/// A variable of the environment that chooses the arithmetic has a value that is not one of those allowed.
package struct ComputeConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The variable's name.
    package let variable: String
    /// Its value.
    package let value: String
    /// The values it may have.
    package let allowed: [String]

    package var description: String {
        "\(variable)=\(value) is not one of \(allowed.joined(separator: ", "))"
    }
}

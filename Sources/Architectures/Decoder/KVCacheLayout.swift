internal import Compute

/// How the keys and values of a model's layers lie in pages. Layers that see the same number of positions share a
/// page, so that the pages of sliding windows can be given back as soon as no query sees them.
package struct KVCacheLayout: Sendable {
    /// What a layer keeps of each position.
    package struct Layer: Sendable, Equatable {
        /// Key/value heads.
        package var kvHeads: Int
        /// Features of a head.
        package var headDim: Int
        /// Positions that a query sees, its own included; nil for all.
        package var window: Int?

        package init(kvHeads: Int, headDim: Int, window: Int?) {
            (self.kvHeads, self.headDim, self.window) = (kvHeads, headDim, window)
        }
    }

    /// Layers that share pages.
    package struct Group: Sendable {
        /// Positions that a query sees, its own included; nil for all.
        package let window: Int?
        /// Floats of a page.
        package fileprivate(set) var pageFloats = 0

        /// Bytes of a page.
        package var pageBytes: Int { pageFloats * MemoryLayout<Float>.size }
    }

    /// Where a layer is: the group, and the floats from a page's start to its first head.
    struct Slot: Sendable {
        let group: Int
        let offset: Int
    }

    /// The layers, first to last.
    package let layers: [Layer]
    /// The groups: distinct windows in the order of their first layer.
    package let groups: [Group]
    let slots: [Slot]

    /// A layout for the layers of a model.
    package init(layers: [Layer]) {
        self.layers = layers
        var groups: [Group] = []
        slots = layers.map { layer in
            let index = groups.firstIndex { $0.window == layer.window } ?? groups.count
            if index == groups.count { groups.append(Group(window: layer.window)) }
            defer { groups[index].pageFloats += layer.kvHeads * CachePage.floats(headDim: layer.headDim) }
            return Slot(group: index, offset: groups[index].pageFloats)
        }
        self.groups = groups
    }

    /// Bytes that a sequence of `tokens` positions takes at most, while `chunk` positions are computed at once.
    package func bytes(tokens: Int, chunk: Int) -> Int {
        groups.reduce(0) { total, group in
            let held = min(tokens, group.window.map { $0 + chunk + CachePage.tokens } ?? tokens)
            return total + (held + CachePage.tokens - 1) / CachePage.tokens * group.pageBytes
        }
    }
}

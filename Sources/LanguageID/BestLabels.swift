/// The best `limit` of the labels inserted: a binary heap with the worst on top. Of equal scores the label that
/// comes first in the file is the better, so that the answer does not depend on the order of insertion.
struct BestLabels {
    struct Entry {
        let score: Float
        let label: Int32

        @inline(__always)
        func isWorse(than other: Entry) -> Bool {
            score < other.score || (score == other.score && label > other.label)
        }
    }

    private let limit: Int
    private var heap: [Entry] = []

    init(limit: Int) {
        self.limit = limit
        heap.reserveCapacity(limit)
    }

    /// Whether a label with this score, or a lower one, would not be kept.
    func excludes(_ score: Float) -> Bool { heap.count == limit && score < heap[0].score }

    mutating func insert(score: Float, label: Int32) {
        let entry = Entry(score: score, label: label)
        if heap.count < limit {
            heap.append(entry)
            siftUp(from: heap.count - 1)
        } else if heap[0].isWorse(than: entry) {
            heap[0] = entry
            siftDown()
        }
    }

    /// Best first.
    consuming func sorted() -> [Entry] {
        heap.sort { $1.isWorse(than: $0) }
        return heap
    }

    private mutating func siftUp(from start: Int) {
        var index = start
        while index > 0, heap[index].isWorse(than: heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func siftDown() {
        var index = 0
        while true {
            var worst = index
            for child in (2 * index + 1)...(2 * index + 2)
            where child < heap.count && heap[child].isWorse(than: heap[worst]) { worst = child }
            guard worst != index else { return }
            heap.swapAt(index, worst)
            index = worst
        }
    }
}

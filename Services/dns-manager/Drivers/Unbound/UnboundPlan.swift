import LabCore

/// The commands that lead from what Unbound holds to what it is to hold, for some owners.
struct UnboundPlan: Sendable {
    struct Step: Sendable {
        let owners: [RecordName]
        let bulks: [UnboundControl.Bulk]

        /// What Unbound did not like, or nil when it did all of it.
        func complaint(in replies: [String]) -> String? {
            for (bulk, reply) in zip(bulks, replies) {
                let verb = bulk.command.hasSuffix("remove") ? "removed" : "added"
                if reply != "\(verb) \(bulk.lines.count) datas\n" {
                    return
                        "Unbound refused: \(reply.split(separator: "\n").prefix(3).joined(separator: "; ").prefix(300))"
                }
            }
            return nil
        }
    }

    private(set) var steps: [Step] = []

    /// Names of which something must go are emptied and filled again, a few at a time: between the two Unbound may
    /// answer that there is no such name.
    private static let replacedAtOnce = 50

    init(owners: Set<RecordName>, contents: UnboundContents, known: [UInt64: [UInt64]]) {
        var additions: [(RecordName, [[UInt8]])] = []
        var replacements: [(RecordName, [[UInt8]])] = []
        for owner in owners.sorted() {
            let wanted = contents.owners[owner]
            let held = known[LineHash.of("\(owner).")] ?? []
            guard held != wanted?.hashes ?? [] else { continue }
            let records = wanted?.records ?? []
            let wantedHashes = Set(records.map(\.hash))
            if held.allSatisfy(wantedHashes.contains) {
                additions.append((owner, records.filter { !held.contains($0.hash) }.map(\.line)))
            } else {
                replacements.append((owner, records.map(\.line)))
            }
        }
        addSteps(replacements, atMost: Self.replacedAtOnce) { owners, lines in
            let removal = UnboundControl.Bulk(
                command: "local_datas_remove", lines: owners.map { Array("\($0).".utf8) })
            return lines.isEmpty ? [removal] : [removal, .init(command: "local_datas", lines: lines)]
        }
        addSteps(additions, atMost: UnboundControl.maximumBatch) { _, lines in
            [.init(command: "local_datas", lines: lines)]
        }
    }

    private mutating func addSteps(
        _ changes: [(owner: RecordName, lines: [[UInt8]])], atMost limit: Int,
        bulks: ([RecordName], [[UInt8]]) -> [UnboundControl.Bulk]
    ) {
        var owners: [RecordName] = []
        var lines: [[UInt8]] = []
        var bytes = 0
        func step() -> Step { Step(owners: owners, bulks: bulks(owners, lines)) }
        for change in changes {
            let size = change.lines.reduce(0) { $0 + $1.count + 1 }
            let isFull =
                owners.count == limit || lines.count + change.lines.count > UnboundControl.maximumBatch
                || bytes + size > UnboundControl.maximumBulkBytes
            if isFull, !owners.isEmpty {
                steps.append(step())
                (owners, lines, bytes) = ([], [], 0)
            }
            owners.append(change.owner)
            lines += change.lines
            bytes += size
        }
        if !owners.isEmpty { steps.append(step()) }
    }
}

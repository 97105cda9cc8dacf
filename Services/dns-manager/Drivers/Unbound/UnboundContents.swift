import LabCore

/// A publication in Unbound's terms: zones, and at each owner name its records. A value without I/O.
///
/// A wildcard's records stand at the name that it lies directly below, in a redirect zone.
struct UnboundContents: Sendable {
    struct Owner: Sendable {
        let records: [UnboundRecord]
        /// The lines' hashes, sorted.
        let hashes: [UInt64]
        let nameHash: UInt64
        let fileBytes: [UInt8]

        var isTooLongForControl: Bool { records.contains { $0.line.count > UnboundControl.maximumLine } }
    }

    private(set) var owners: [RecordName: Owner] = [:]
    private(set) var zones: [UnboundZone] = []
    private(set) var zoneLines: Set<[UInt8]> = []
    /// Of all owners.
    private(set) var nameHashes: Set<UInt64> = []
    /// The owners in the order of the file.
    private var order: [RecordName] = []
    private var publication: Publication?

    // MARK: Changing

    /// Takes a publication over; returns the owners to look at.
    mutating func update(_ publication: Publication, _ names: Set<RecordName>) -> Set<RecordName> {
        var touched = Set((self.publication == nil ? Set(publication.names.keys) : names).map(\.withoutWildcard))
        self.publication = publication
        let layout = UnboundZone.layout(for: publication)
        if layout != zones {
            touched.formUnion(Set(layout).symmetricDifference(zones).map(\.name))
            zones = layout
            zoneLines = Set(layout.map { Array($0.fileLine.dropLast()) })
        }
        let types = Dictionary(zones.map { ($0.name, $0) }) { first, _ in first }
        let before = owners.count
        for owner in touched { render(owner, publication, types[owner]) }
        if touched.count > 64 || before == 0 {
            order = owners.keys.sorted()
        } else {
            for owner in touched { place(owner) }
        }
        return touched
    }

    mutating func updateIfEmpty(_ publication: Publication) {
        if self.publication == nil { _ = update(publication, []) }
    }

    private mutating func render(_ owner: RecordName, _ publication: Publication, _ zone: UnboundZone?) {
        var sets = publication.names[owner] ?? []
        if zone?.type == .redirect, let wildcard = RecordRules.counterpart(of: owner) {
            sets += publication.names[wildcard] ?? []
        }
        var records: [UnboundRecord] = []
        if let zone { records += zone.ownRecords(hasAlias: sets.contains { $0.type == .cname }) }
        for set in sets {
            for record in UnboundRecord.records(of: set, owner: owner) where !records.contains(record) {
                records.append(record)
            }
        }
        let nameHash = LineHash.of("\(owner).")
        guard !records.isEmpty else {
            owners[owner] = nil
            nameHashes.remove(nameHash)
            return
        }
        owners[owner] = Owner(
            records: records, hashes: records.map(\.hash).sorted(), nameHash: nameHash,
            fileBytes: records.flatMap(\.fileLine))
        nameHashes.insert(nameHash)
    }

    /// Keeps ``order`` sorted without sorting everything for one name.
    private mutating func place(_ owner: RecordName) {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if order[middle] < owner { low = middle + 1 } else { high = middle }
        }
        let isPresent = low < order.count && order[low] == owner
        switch (isPresent, owners[owner] != nil) {
        case (true, false): order.remove(at: low)
        case (false, true): order.insert(owner, at: low)
        default: break
        }
    }

    /// The published names that stand at an owner.
    func names(at owner: RecordName) -> [RecordName] {
        guard let publication else { return [] }
        return [owner, RecordRules.counterpart(of: owner)].compactMap { $0 }
            .filter { publication.names[$0] != nil }
    }

    // MARK: The file

    /// The file without its marker.
    var fileContent: [UInt8] {
        var bytes = Array(
            """
            # Written by dns-manager from the declared records. What is changed here by hand is overwritten.
            server:

            """.utf8)
        let parts = order.compactMap { owners[$0]?.fileBytes }
        bytes.reserveCapacity(bytes.count + zones.count * 64 + parts.reduce(0) { $0 + $1.count } + 128)
        for zone in zones { bytes += zone.fileLine }
        for part in parts { bytes += part }
        return bytes
    }

    /// A record that tells which file was loaded: the hash of its content.
    func markerRecord(_ name: RecordName, of content: [UInt8]) -> UnboundRecord {
        var hash = LineHash()
        for byte in content { hash.add(byte) }
        return UnboundRecord(owner: name, ttl: 60, type: "TXT", data: "\"\(String(hash.value, radix: 16))\"")
    }

    /// The zones of a file that was written earlier.
    static func zoneLines(of content: [UInt8]) -> Set<[UInt8]> {
        let keyword = Array("local-zone:".utf8)
        return Set(content.split(separator: UInt8(ascii: "\n")).filter { $0.starts(with: keyword) }.map(Array.init))
    }

    /// Whether a listed line is of the zones that Unbound has by itself (RFC 6303, RFC 6761).
    static func isBuiltIn(_ line: String) -> Bool {
        let words = line.split(separator: " ", maxSplits: 4)
        guard words.count == 5 else { return true }
        return switch words[3] {
        case "SOA": words[4].hasPrefix("localhost. nobody.invalid.")
        case "NS", "PTR": words[4] == "localhost."
        case "A": words[0] == "localhost." && words[4] == "127.0.0.1"
        case "AAAA": words[0] == "localhost." && words[4] == "::1"
        default: false
        }
    }
}

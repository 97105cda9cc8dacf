import LabCore
import NIOCore

/// What `list_local_data` said, reduced to hashes: each owner name with the hashes of its lines. No text is made of
/// the lines but of those that somebody wants to read.
struct UnboundListing: Sendable {
    /// By the hash of the owner name as it is listed, with its final dot.
    private(set) var owners: [UInt64: Owner] = [:]
    private let bytes: ByteBuffer

    /// Unbound cuts a line off here, and its line break too, so that the next record follows directly.
    static let longestLine = 1023

    struct Owner: Sendable {
        /// The lines' hashes, sorted.
        var hashes: [UInt64] = []
        /// Where the lines stand.
        var lines: [Range<Int32>] = []
    }

    init(_ reply: ByteBuffer) {
        bytes = reply
        var owners: [UInt64: Owner] = [:]
        reply.withUnsafeReadableBytes { bytes in
            var start = 0
            var hash = LineHash()
            var owner: UInt64 = 0
            var hasOwner = false
            for index in 0..<bytes.count {
                let byte = bytes[index]
                let isCut = index - start == Self.longestLine
                if byte == UInt8(ascii: "\n") || isCut {
                    if hasOwner {
                        owners[owner, default: Owner()].hashes.append(hash.value)
                        owners[owner, default: Owner()].lines.append(Int32(start)..<Int32(index))
                    }
                    start = byte == UInt8(ascii: "\n") ? index + 1 : index
                    hash = LineHash()
                    hasOwner = false
                }
                if byte != UInt8(ascii: "\n") {
                    if !hasOwner, byte == UInt8(ascii: "\t") {
                        owner = hash.value
                        hasOwner = true
                    }
                    hash.add(byte)
                }
            }
        }
        for key in owners.keys where owners[key]?.hashes.count ?? 0 > 1 { owners[key]?.hashes.sort() }
        self.owners = owners
    }

    /// The lines of an owner with single spaces between their fields. Those that were cut off end with `…`.
    func text(of owner: Owner) -> [String] {
        owner.lines.map { range in
            let start = bytes.readerIndex + Int(range.lowerBound)
            let line = bytes.getSlice(at: start, length: range.count) ?? ByteBuffer()
            let fields = String(buffer: line).split(separator: "\t", maxSplits: 4, omittingEmptySubsequences: false)
            return fields.joined(separator: " ") + (range.count == Self.longestLine ? "…" : "")
        }
    }
}

/// The local zones that Unbound has, from `list_local_zones`.
struct UnboundZoneListing: Sendable {
    let types: [String: String]

    init(_ reply: ByteBuffer) {
        var types: [String: String] = [:]
        for line in String(buffer: reply).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { types[String(words[0])] = String(words[1]) }
        }
        self.types = types
    }

    func holds(_ zones: [UnboundZone]) -> Bool {
        zones.allSatisfy { types[$0.name.text + "."] == $0.type.rawValue }
    }
}

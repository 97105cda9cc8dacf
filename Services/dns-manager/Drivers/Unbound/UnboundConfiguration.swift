import Glibc
import LabCore
import LabServers

/// Where Unbound's configuration lies, and how it is checked. Calls that are not asynchronous block: run them off the
/// cooperative pool.
struct UnboundConfiguration: Sendable {
    /// The main file, which is only read.
    let main: String
    /// The file that belongs to us, which the main file includes.
    let records: String
    /// `unbound-checkconf`.
    let checker: String

    private var folder: String { records.lastIndex(of: "/").map { String(records[..<$0]) } ?? "." }
    private var fileName: String {
        records.lastIndex(of: "/").map { String(records[records.index(after: $0)...]) } ?? records
    }
    private var candidate: String { "\(folder)/.\(fileName).new" }
    private var merged: String { "\(folder)/.\(fileName).check" }
    private var lastGood: String { "\(folder)/.\(fileName).last-good" }

    /// What the file holds now; nil when it cannot be read.
    func read() -> [UInt8]? { try? Files.read(records) }

    /// The file's identity, to notice that somebody else changed it.
    func version() -> FileVersion? { FileVersion(records) }

    /// Puts records in the place of the present ones, if Unbound would start with them; the file that was there is
    /// kept as the last good one. At no moment is there a file that was not checked.
    func replace(with content: [UInt8]) async throws {
        try await Files.offPool { try writeCandidate(content) }
        defer { unlink(merged) }
        try await check()
        try await Files.offPool { try takeOverCandidate() }
    }

    private func writeCandidate(_ content: [UInt8]) throws(ResolverError) {
        do {
            try Files.write(content, to: candidate, isDurable: true)
        } catch {
            throw ResolverError(
                .storage, "The records cannot be written to \(folder): \(error). Let this process write there")
        }
        try merge()
    }

    private func takeOverCandidate() throws(ResolverError) {
        do {
            try Files.link(records, as: lastGood)
            try Files.rename(candidate, to: records)
        } catch {
            throw ResolverError(.storage, "The checked records cannot take the place of \(records): \(error)")
        }
    }

    /// Goes back to the file that was there before the last ``replace(with:)``.
    func restoreLastGood() throws(ResolverError) {
        do {
            try Files.rename(lastGood, to: records)
        } catch {
            throw ResolverError(.storage, "The last good records \(lastGood) cannot be put back: \(error)")
        }
    }

    /// Writes the whole configuration with the candidate in the place of the records, to be checked.
    private func merge() throws(ResolverError) {
        do {
            var expansion = IncludeExpansion(records: records, candidate: candidate)
            try expansion.add(main)
            guard expansion.hasFoundRecords else {
                throw ResolverError(
                    .configuration,
                    "\(main) does not include \(records), so records would be lost when Unbound restarts. "
                        + "Add to its server clause: include: \"\(records)\"")
            }
            try Files.write(expansion.text, to: merged, isDurable: false)
        } catch let error as ResolverError {
            throw error
        } catch {
            throw ResolverError(.configuration, "Unbound's configuration cannot be read: \(error)")
        }
    }

    /// Checks the merged configuration: Unbound exits when a reload meets a fault, so this must come before.
    private func check() async throws {
        let result: ProgramResult
        do {
            result = try await Program.run(checker, [merged], timeout: .seconds(20))
        } catch let error as ServerError {
            throw ResolverError(
                .configuration,
                "\(checker) cannot be run: \(error). Install it (Debian: package unbound), or set LAB_UNBOUND_CHECKCONF"
            )
        }
        guard result.status.isSuccess else {
            let words = (result.standardOutput + result.standardError).replacing(merged, with: main)
                .replacing(candidate, with: records).split(separator: "\n").prefix(3).joined(separator: "; ")
            throw ResolverError(
                .configuration,
                "Unbound would not start with the new records, so the last good ones stay: \(words.prefix(500))")
        }
    }
}

/// The main configuration with everything that it includes in its place, and the candidate in that of the records.
private struct IncludeExpansion {
    let records: String
    let candidate: String
    private(set) var text: [UInt8] = []
    private(set) var hasFoundRecords = false
    private var depth = 0

    init(records: String, candidate: String) {
        self.records = records
        self.candidate = candidate
    }

    mutating func add(_ path: String) throws {
        depth += 1
        defer { depth -= 1 }
        guard depth < 16 else { throw FileError(path: path, action: "include", code: ELOOP) }
        let content = String(decoding: try Files.read(path), as: UTF8.self)
        for line in content.split(separator: "\n", omittingEmptySubsequences: false) {
            guard let pattern = Self.includedPattern(line) else {
                append(line)
                continue
            }
            for included in Files.matching(pattern) {
                if Files.isSame(included, records) {
                    hasFoundRecords = true
                    append("include: \"\(candidate)\"")
                } else {
                    try add(included)
                }
            }
        }
    }

    private mutating func append(_ line: some StringProtocol) {
        text += Array(line.utf8)
        text.append(UInt8(ascii: "\n"))
    }

    /// The path of `include:` or `include-toplevel:`, with or without quotes.
    private static func includedPattern(_ line: Substring) -> String? {
        let words = line.drop { $0 == " " || $0 == "\t" }
        for keyword in ["include:", "include-toplevel:"] where words.hasPrefix(keyword) {
            let rest = words.dropFirst(keyword.count).drop { $0 == " " || $0 == "\t" }
            if let quote = rest.first, quote == "\"" || quote == "'" {
                return String(rest.dropFirst().prefix { $0 != quote })
            }
            return String(rest.prefix { $0 != " " && $0 != "\t" && $0 != "#" })
        }
        return nil
    }
}

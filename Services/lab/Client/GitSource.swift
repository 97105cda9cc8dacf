import LabKit

/// A folder of a Git repository, in Docker's notation for build contexts
/// (https://docs.docker.com/build/concepts/context/#url-fragments): `https://host/notes.git#ref:folder`.
struct GitSource: Sendable, Hashable {
    /// As `git` takes it.
    let repository: String
    /// A branch, a tag or a commit; nil for what the repository has as its default.
    let reference: String?
    /// Below the repository's root; nil for the root itself.
    let folder: String?

    /// What `git` may speak. Its other protocols run programs, or have no protection at all.
    static let protocols = ["https", "http", "ssh", "file"]

    /// - Returns: nil for what does not look like a repository, such as the path of a folder.
    /// - Throws: ``CommandFault`` for a repository that cannot be taken.
    init?(_ text: String) throws {
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let repository = String(parts[0])
        let scheme = repository.firstRange(of: "://").map { String(repository[..<$0.lowerBound]) }
        guard scheme != nil || Self.isShort(repository) else { return nil }
        if let scheme, !Self.protocols.contains(scheme.lowercased()) {
            throw CommandFault(
                "“\(scheme)” is no protocol that the lab fetches repositories with",
                remedy:
                    "Give a URL that begins with one of \(Self.protocols.map { $0 + "://" }.joined(separator: ", "))",
                status: CommandFault.misuse)
        }
        let fragment = parts.count > 1 ? String(parts[1]) : ""
        let pieces = fragment.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let reference = pieces.first ?? ""
        let folder = pieces.count > 1 ? pieces[1] : ""
        guard Self.isPlain(repository), !reference.hasPrefix("-"), Self.isPlain(reference) else {
            throw CommandFault(
                "“\(text)” has a space or a control character, or a reference that begins with “-”",
                remedy: "Write it as https://host/name.git#branch:folder", status: CommandFault.misuse)
        }
        let segments = folder.split(separator: "/", omittingEmptySubsequences: true)
        guard !segments.contains(where: { $0 == ".." || $0 == ".git" }) else {
            throw CommandFault(
                "“\(folder)” does not stay inside the repository",
                remedy: "Give a folder of it: #branch:folder", status: CommandFault.misuse)
        }
        self.repository = repository
        self.reference = reference.isEmpty ? nil : reference
        self.folder = segments.isEmpty ? nil : segments.joined(separator: "/")
    }

    /// The repository as it may be shown: without a password that stands in it.
    var shown: String {
        guard let start = repository.firstRange(of: "://")?.upperBound else { return repository }
        let authority = repository[start...].prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return repository
        }
        return repository[..<colon] + ":…" + repository[at...]
    }

    /// What the repository is called: `notes` of `https://host/anna/notes.git`.
    var name: String {
        let last = repository.split { $0 == "/" || $0 == ":" }.last.map(String.init) ?? "app"
        let name = last.hasSuffix(".git") ? String(last.dropLast(4)) : last
        let letters = name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        return letters.isEmpty ? "app" : letters
    }

    /// `git@host:path` or `host:path.git`, which are ssh.
    private static func isShort(_ repository: String) -> Bool {
        guard let colon = repository.firstIndex(of: ":"), colon != repository.startIndex else { return false }
        let host = repository[..<colon]
        let path = repository[repository.index(after: colon)...]
        return !host.contains("/") && !host.hasPrefix("-") && !path.hasPrefix(":")
            && (host.hasPrefix("git@") || path.hasSuffix(".git"))
    }

    private static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F } }
}

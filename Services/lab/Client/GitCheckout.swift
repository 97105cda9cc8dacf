import FoundationEssentials
import Glibc
import LabKit
import LabServers

/// A commit of a Git repository in a temporary folder, by the program `git`: without history, hooks, submodules and
/// symbolic links, and without questions at the terminal.
struct GitCheckout: Sendable {
    /// The folder that was asked for, or a file.
    let path: String
    /// The commit in a line: the beginning of its hash, and its subject.
    let commit: String

    /// Fetches a commit for the length of `body`.
    ///
    /// - Throws: ``CommandFault`` with git's own words.
    static func with<Result: Sendable>(
        _ source: GitSource, _ body: @Sendable (GitCheckout) throws -> Result
    ) async throws -> Result {
        var template = Array((FileManager.default.temporaryDirectory.path + "/lab-git-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFault("no temporary folder can be made: \(String(cString: strerror(errno)))")
        }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let checkout = try await fetch(source, into: directory)
        return try body(checkout)
    }

    private static func fetch(_ source: GitSource, into directory: String) async throws -> GitCheckout {
        // The repository's own name, which the app has where nothing else is given.
        let tree = "\(directory)/\(source.name)"
        try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
        let git = Git(arguments: ["--git-dir=\(directory)/.git", "--work-tree=\(tree)"], directory: directory)
        try await git.run(["init", "--quiet", "--template="], source)
        // Not `git clone`: that takes branches and tags, and no commits.
        try await git.run(
            [
                "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--end-of-options",
                source.repository, source.reference ?? "HEAD",
            ], source)
        try await git.run(["checkout", "--quiet", "--detach", "FETCH_HEAD"], source)
        let commit = try await git.run(["log", "-1", "--no-show-signature", "--abbrev=12", "--format=%h %s"], source)
        let path = source.folder.map { "\(tree)/\($0)" } ?? tree
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFault(
                "\(source.shown) has no “\(source.folder ?? "")” at \(source.reference ?? "its default branch")",
                remedy: "Write it as \(source.shown)#branch:folder")
        }
        return GitCheckout(path: path, commit: Self.line(commit))
    }
}

extension GitCheckout {
    /// As a release can say it: one line of visible characters, not too long.
    static func line(_ text: String) -> String {
        let visible = text.unicodeScalars.filter { scalar in
            ![.control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned].contains(
                scalar.properties.generalCategory)
        }
        return String(String.UnicodeScalarView(visible.prefix(300))).trimmed
    }
}

/// The program `git`, kept from what a repository could make it do.
private struct Git {
    /// Where its files lie.
    let arguments: [String]
    let directory: String

    /// - Returns: what it wrote.
    @discardableResult
    func run(_ command: [String], _ source: GitSource) async throws -> String {
        let given = ProcessInfo.processInfo.environment
        var environment = [
            "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": GitSource.protocols.joined(separator: ":"),
            "LC_ALL": "C.UTF-8",
        ]
        if given["GIT_SSH_COMMAND"] == nil, given["GIT_SSH"] == nil {
            environment["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes"
        }
        let result: ProgramResult
        do {
            result = try await Program.run(
                "git",
                // A link of the repository would lead to files of this machine, which would then be sent.
                arguments + ["-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false"] + command,
                environment: environment, directory: directory, timeout: .seconds(300))
        } catch let error as ServerError {
            throw CommandFault(
                "git cannot be run: \(error)", remedy: "Install git, or clone it yourself and give the folder")
        }
        guard result.status.isSuccess else {
            let words = Self.words(of: result.standardError).replacing(source.repository, with: source.shown)
            throw CommandFault(
                "git cannot fetch \(source.shown): \(words)",
                remedy: "See whether the address and the reference are right, and whether you may read it: "
                    + "“git ls-remote \(source.shown)”")
        }
        return result.standardOutput
    }

    /// What git says went wrong, without its advice.
    private static func words(of text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline)
        let faults = lines.filter { line in ["fatal:", "error:", "remote:"].contains { line.hasPrefix($0) } }
        return (faults.isEmpty ? lines.suffix(3) : faults.suffix(3)).joined(separator: "; ")
    }
}

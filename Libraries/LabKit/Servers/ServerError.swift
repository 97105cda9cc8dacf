/// Why a server or a program could not be run.
public enum ServerError: Error, Sendable, Equatable {
    /// The program is not installed; `package` is the Debian package that has it.
    case programMissing(program: String, package: String?)
    /// The program could not be started at all (permissions, memory).
    case programFailedToStart(program: String, detail: String)
    /// The program ended with a failure where it had to succeed.
    case programFailed(program: String, status: ProgramResult.Status, output: String)
    case programTimedOut(program: String, after: Duration)
    /// The program wrote more than `limit` bytes, and was ended.
    case outputTooLarge(program: String, limit: Int)
    /// Another process listens on the port that the server needs.
    case portTaken(server: String, port: Int)
    /// The server ended before it answered; `lastLines` is the end of its output.
    case endedDuringStart(server: String, status: ProgramResult.Status, lastLines: [String])
    case notReadyInTime(server: String, after: Duration, lastLines: [String])
    /// `path` is longer than the 107 bytes that a Unix socket's address holds.
    case socketPathTooLong(server: String, path: String)
    /// The account that the server runs as cannot pass through `directory`.
    case unreachable(server: String, account: String, directory: String)
    case accountMissing(account: String, server: String)
    /// Another supervisor holds the state directory.
    case stateDirectoryInUse(path: String)
    case fileFailed(path: String, action: String, detail: String)
    case invalidSetting(server: String, detail: String, remedy: String)
    case unknownServer(String)
}

extension ServerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .programMissing(let program, let package?):
            "the program \(program) is not installed. Install it: apt-get install \(package)"
        case .programMissing(let program, nil):
            "the program \(program) was found neither in PATH nor in /usr/sbin and its like. Install it"
        case .programFailedToStart(let program, let detail):
            "\(program) could not be started: \(detail)"
        case .programFailed(let program, let status, let output):
            "\(program) \(status)\(output.isEmpty ? "" : ": \(output)")"
        case .programTimedOut(let program, let time):
            "\(program) did not end within \(time), and was ended"
        case .outputTooLarge(let program, let limit):
            "\(program) wrote more than \(limit) bytes, and was ended"
        case .portTaken(let server, let port):
            "\(server) cannot listen on 127.0.0.1:\(port): another process does. "
                + "End it (`ss -ltnup 'sport = :\(port)'` names it), or give \(server) another port"
        case .endedDuringStart(let server, let status, let lines):
            "\(server) \(status) before it answered.\(Self.quote(lines))"
        case .notReadyInTime(let server, let time, let lines):
            "\(server) did not answer within \(time) of its start.\(Self.quote(lines))"
        case .socketPathTooLong(let server, let path):
            "\(server)'s socket path has \(path.utf8.count) bytes, and 107 fit: \(path). Choose a shorter state directory"
        case .unreachable(let server, let account, let directory):
            "\(server) runs as the user \(account), who may not pass through \(directory). "
                + "Put the state directory elsewhere, /var/lib/lab for instance, or allow it: chmod o+x \(directory)"
        case .accountMissing(let account, let server):
            "the user \(account), whom \(server) runs as when started by root, does not exist. "
                + "Install Debian's package of \(server), which makes it"
        case .stateDirectoryInUse(let path):
            "another lab runs its servers in \(path). End that one first, or choose another state directory"
        case .fileFailed(let path, let action, let detail):
            "cannot \(action) \(path): \(detail)"
        case .invalidSetting(let server, let detail, let remedy):
            "\(server): \(detail). \(remedy)"
        case .unknownServer(let name):
            "there is no server named \(name) under this supervisor"
        }
    }

    private static func quote(_ lines: [String]) -> String {
        lines.isEmpty ? " It wrote nothing" : " Its last lines:\n" + lines.map { "  | \($0)" }.joined(separator: "\n")
    }
}

import Subprocess
import SystemPackage

/// Short-lived programs: found where Debian puts them, started with an argument vector, bounded in time and output.
public enum Program {
    /// Where programs are looked for after PATH: an ordinary user's PATH on Debian has no sbin.
    private static let directories = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/postgresql/15/bin",
    ]

    /// The Debian package of each program that the lab starts.
    private static let packages = [
        "postgres": "postgresql-15", "initdb": "postgresql-15", "psql": "postgresql-client-15",
        "mosquitto": "mosquitto", "mosquitto_passwd": "mosquitto", "mosquitto_pub": "mosquitto-clients",
        "mosquitto_sub": "mosquitto-clients", "unbound": "unbound", "unbound-checkconf": "unbound",
        "unbound-control": "unbound", "nginx": "nginx-light", "dig": "bind9-dnsutils", "curl": "curl", "git": "git",
        "openssl": "openssl", "docker": "docker.io", "setpriv": "util-linux",
    ]

    /// The absolute path of a program.
    ///
    /// - Throws: ``ServerError/programMissing(program:package:)``, which names the Debian package to install.
    public static func find(_ name: String) throws(ServerError) -> String {
        let inPath = (Environment.currentValue("PATH") ?? "").split(separator: ":").map(String.init)
        for directory in inPath.filter({ $0.hasPrefix("/") }) + directories {
            let candidate = "\(directory)/\(name)"
            if Files.isExecutable(candidate) { return candidate }
        }
        throw .programMissing(program: name, package: packages[name])
    }

    /// Runs a program to its end.
    ///
    /// The program gets a process group of its own; at the time limit, and when the task is cancelled, the whole
    /// group gets SIGTERM and half a second later SIGKILL.
    ///
    /// - Parameters:
    ///   - program: an absolute path, or a name for ``find(_:)``.
    ///   - arguments: the argument vector after the program's name; no shell sees it.
    ///   - environment: variables to add to the inherited ones, or to replace.
    ///   - input: what the program reads from its standard input. It is the place for a secret: unlike arguments,
    ///     other users cannot see it.
    ///   - timeout: at most this long.
    ///   - outputLimit: at most this many bytes on each of standard output and standard error.
    /// - Throws: ``ServerError``, or `CancellationError`. A failing exit status is a result, not an error: see
    ///   ``ProgramResult/orThrow()``.
    public static func run(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], input: String = "",
        directory: String? = nil, account: ServiceAccount? = nil, timeout: Duration = .seconds(60),
        outputLimit: Int = 1 << 20
    ) async throws -> ProgramResult {
        let path = program.contains("/") ? program : try find(program)
        guard Files.isExecutable(path) else {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            throw ServerError.programMissing(program: path, package: packages[name])
        }
        let invocation = try Invocation(path, arguments, as: account)
        let configuration = Configuration(
            executable: .path(FilePath(invocation.executable)), arguments: Arguments(invocation.arguments),
            environment: .inherit.updating(Environment.updates(environment)),
            workingDirectory: directory.map { FilePath($0) }, platformOptions: .ownGroup)
        let result = try await withThrowingTaskGroup(of: ProgramResult?.self) { group in
            group.addTask { try await run(configuration, path, input: input, outputLimit: outputLimit) }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        try Task.checkCancellation()
        guard let result else { throw ServerError.programTimedOut(program: path, after: timeout) }
        return result
    }

    private static func run(
        _ configuration: Configuration, _ path: String, input: String, outputLimit: Int
    ) async throws -> ProgramResult {
        do {
            let result = try await Subprocess.run(
                configuration, input: .string(input), output: .bytes(limit: outputLimit),
                error: .bytes(limit: outputLimit))
            return ProgramResult(
                program: path, status: ProgramResult.Status(result.terminationStatus),
                standardOutput: String(decoding: result.standardOutput, as: UTF8.self),
                standardError: String(decoding: result.standardError, as: UTF8.self))
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
            throw ServerError.outputTooLarge(program: path, limit: outputLimit)
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw ServerError.programFailedToStart(program: path, detail: error.description)
        }
    }
}

/// How a program ended, and what it wrote.
public struct ProgramResult: Sendable, Equatable {
    public enum Status: Sendable, Hashable, CustomStringConvertible {
        case exited(Int32)
        case signalled(Int32)

        init(_ status: TerminationStatus) {
            self =
                switch status {
                case .exited(let code): .exited(code)
                case .signaled(let signal): .signalled(signal)
                }
        }

        public var isSuccess: Bool { self == .exited(0) }

        public var description: String {
            switch self {
            case .exited(let code): "exited with status \(code)"
            case .signalled(let signal): "was ended by signal \(signal)"
            }
        }
    }

    public let program: String
    public let status: Status
    public let standardOutput: String
    public let standardError: String

    /// The result itself when the program succeeded.
    ///
    /// - Throws: ``ServerError/programFailed(program:status:output:)`` with what the program wrote.
    @discardableResult
    public func orThrow() throws(ServerError) -> ProgramResult {
        guard status.isSuccess else {
            let output = [standardError, standardOutput].map { $0.trimmedOfNewlines }.filter { !$0.isEmpty }
            throw .programFailed(program: program, status: status, output: output.joined(separator: "\n"))
        }
        return self
    }
}

extension String {
    var trimmedOfNewlines: String {
        var text = self[...]
        while text.last?.isNewline == true { text.removeLast() }
        return String(text)
    }
}

import Glibc
import LabCore
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import DNSManager

/// An Unbound of one's own on a free loopback port, in a temporary folder, gone with the test.
final class PrivateUnbound: Sendable {
    let folder: String
    let port: Int
    private let process: Mutex<pid_t>

    var configuration: String { "\(folder)/unbound.conf" }
    var records: String { "\(folder)/records.conf" }
    var socket: String { "\(folder)/control.sock" }

    /// Runs a test with a resolver that is up, and stops it afterwards.
    static func run(
        extra: String = "", _ body: (PrivateUnbound) async throws -> Void
    ) async throws {
        let unbound = try PrivateUnbound(extra: extra)
        defer { unbound.remove() }
        try await unbound.start()
        try await body(unbound)
    }

    init(extra: String) throws {
        var template = Array("/tmp/dns-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError(path: "/tmp", action: "mkdtemp", code: errno) }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        port = try Self.freePort()
        process = Mutex(0)
        let text = """
            server:
              interface: 127.0.0.1@\(port)
              do-daemonize: no
              username: ""
              chroot: ""
              directory: "\(folder)"
              pidfile: "\(folder)/unbound.pid"
              use-syslog: no
              logfile: "\(folder)/unbound.log"
              num-threads: 1
              do-not-query-localhost: no
              include: "\(records)"
            \(extra)
            remote-control:
              control-enable: yes
              control-interface: \(socket)
              control-use-cert: no
            forward-zone:
              name: "."
              forward-addr: 127.0.0.1@9

            """
        try Files.write(Array(text.utf8), to: configuration, isDurable: false)
        try Files.write(Array("server:\n".utf8), to: records, isDurable: false)
    }

    private static func freePort() throws -> Int {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(socket, pointer, length) == 0, getsockname(socket, pointer, &length) == 0 else {
                    throw FileError(path: "127.0.0.1", action: "bind", code: errno)
                }
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }

    func start() async throws {
        let words: [UnsafeMutablePointer<CChar>?] = ["unbound", "-d", "-c", configuration].map { (word: String) in strdup(word) }
        defer { for word in words { free(word) } }
        var started: pid_t = 0
        let code = posix_spawnp(&started, "unbound", nil, nil, words + [nil], environ)
        guard code == 0 else { throw FileError(path: "unbound", action: "start", code: code) }
        process.withLock { $0 = started }
        for _ in 0..<400 {
            if (try? await UnboundControl(socketPath: socket).ask("status")) != nil { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("Unbound did not start: \((try? Files.read("\(folder)/unbound.log")).map { String(decoding: $0, as: UTF8.self) } ?? "")")
    }

    func kill() {
        process.withLock { process in
            guard process > 0 else { return }
            Glibc.kill(process, SIGKILL)
            waitpid(process, nil, 0)
            process = 0
        }
    }

    /// Whether the process that was started is still there.
    var isRunning: Bool {
        process.withLock { $0 > 0 && waitpid($0, nil, WNOHANG) == 0 }
    }

    func remove() {
        kill()
        for name in Files.matching("\(folder)/*") + Files.matching("\(folder)/.records*") { unlink(name) }
        rmdir(folder)
    }

    // MARK: For tests

    func makeResolver() throws -> UnboundResolver {
        try UnboundResolver(
            control: UnboundControl(socketPath: socket),
            configuration: UnboundConfiguration(main: configuration, records: records, checker: "unbound-checkconf"),
            questioner: DNSQuestioner(host: "127.0.0.1", port: port), logger: Logger(label: "test"))
    }

    /// What a client sees, as `TYPE value, …`, or the code where there is nothing.
    func ask(_ name: String, _ type: RecordType) async throws -> String {
        let question = Question(try RecordName(name), type)
        let answer = try await DNSQuestioner(host: "127.0.0.1", port: port).answer([question])[0].get()
        if answer.code != "NOERROR" { return answer.code }
        let sets = answer.sets.filter { $0.name == question.name }
        return sets.isEmpty ? "NODATA" : sets.map { "\($0.type.rawValue) " + $0.values.joined(separator: ", ") }.joined(separator: "; ")
    }

    /// A command as a person would send it with unbound-control.
    @discardableResult
    func control(_ command: String) async throws -> String {
        String(buffer: try await UnboundControl(socketPath: socket).ask(command))
    }
}

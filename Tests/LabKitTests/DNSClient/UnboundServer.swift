import FoundationEssentials
import Glibc
import LabCore
import LabServers
import NIOCore
import NIOPosix

@testable import LabDNSClient

/// A private Unbound with the zone home.arpa, in a temporary directory; ends with its owner.
final class UnboundServer: Sendable {
    struct NotStarted: Error {}

    let port: Int
    private let directory: String
    private let process: pid_t

    /// The address of `h<index>.home.arpa`.
    static func address(_ index: Int) -> String { "10.0.\(index / 256).\(index % 256)" }

    /// Without a port, one that is free; another process may take it first, and then the next one is tried.
    static func start(hosts: Int = 0, at chosen: Int? = nil) async throws -> UnboundServer {
        if let chosen { return try await start(hosts: hosts, onPort: chosen) }
        for _ in 0..<4 {
            if let server = try? await start(hosts: hosts, onPort: LoopbackPort.free()) { return server }
        }
        return try await start(hosts: hosts, onPort: LoopbackPort.free())
    }

    private static func start(hosts: Int, onPort port: Int) async throws -> UnboundServer {
        let directory = "/tmp/lab-dns-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let file = directory + "/unbound.conf"
        try Data(configuration(directory, port: port, hosts: hosts).utf8).write(to: URL(filePath: file))
        let server = UnboundServer(port: port, directory: directory, process: try spawn(["unbound", "-d", "-c", file]))
        let client = DNSClient(server: "127.0.0.1", port: port)
        defer { client.shutdown() }
        for _ in 0..<100 {
            if (try? await client.ask(RecordName("a.home.arpa"), .a, timeout: .milliseconds(300))) != nil {
                return server
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw NotStarted()
    }

    private init(port: Int, directory: String, process: pid_t) {
        self.port = port
        self.directory = directory
        self.process = process
    }

    deinit {
        kill(process, SIGTERM)
        waitpid(process, nil, 0)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static func configuration(_ directory: String, port: Int, hosts: Int) -> String {
        var records = [
            "a.home.arpa. 300 A 192.0.2.1", "a.home.arpa. 300 AAAA 2001:db8::1", "c.home.arpa. 300 CNAME a.home.arpa.",
            #"t.home.arpa. 300 TXT "v=1 x" "two""#, "1.2.0.192.in-addr.arpa. 300 PTR a.home.arpa.",
            "_https._tcp.home.arpa. 300 SRV 0 5 443 a.home.arpa.", "home.arpa. 300 MX 10 mail.home.arpa.",
            #"home.arpa. 300 CAA 0 issue "ca.home.arpa""#, "home.arpa. 300 NS ns.home.arpa.",
            "home.arpa. 300 SOA ns.home.arpa. root.home.arpa. 7 3600 600 86400 300",
        ]
        records += (0..<20).map { "big.home.arpa. 300 TXT \"\($0) \(String(repeating: "x", count: 200))\"" }
        records += (0..<hosts).map { "h\($0).home.arpa. 300 A \(address($0))" }
        return """
            server:
                interface: 127.0.0.1
                port: \(port)
                do-daemonize: no
                username: ""
                chroot: ""
                directory: "\(directory)"
                pidfile: ""
                use-syslog: no
                logfile: "\(directory)/log"
                num-threads: 1
                module-config: "iterator"
                local-zone: "home.arpa." static
                local-zone: "2.0.192.in-addr.arpa." static
            \(records.map { "    local-data: '\($0)'" }.joined(separator: "\n"))
            remote-control:
                control-enable: no

            """
    }

    private static func spawn(_ arguments: [String]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var vector = arguments.map { strdup($0) }
        defer { for pointer in vector { free(pointer) } }
        vector.append(nil)
        var process = pid_t()
        guard posix_spawnp(&process, arguments[0], &actions, nil, vector, environ) == 0 else { throw NotStarted() }
        return process
    }
}

import Glibc
import LabCore
import LabPostgres
import LabState

/// A port of the host that a Compose file asks for.
struct HostPort: Sendable, Hashable {
    let number: Int
    let isTCP: Bool

    var text: String { "\(number)/\(isTCP ? "tcp" : "udp")" }
}

/// Looks whether ports that an app wants are free, before anything is started for it.
struct HostPorts: Sendable {
    let postgres: PostgresClient

    /// Why a port cannot be had, in a sentence each.
    ///
    /// - Parameter wanted: the ports with the services that want them.
    func refusals(of wanted: [(service: String, port: HostPort)], for app: AppName) async throws -> [Problem.Field] {
        guard !wanted.isEmpty else { return [] }
        let taken = try await published()
        return wanted.compactMap { service, port in
            let holders = taken.filter { $0.value.contains(port) }.keys
            let reason: String
            if let other = holders.filter({ $0 != app.text }).min() {
                reason = "belongs to App \(other)"
            } else if !holders.contains(app.text), !Self.isFree(port) {
                reason = "is taken by something else on this machine"
            } else {
                return nil
            }
            return .init(
                "/body/compose", "the port \(port.text) of the host, which the service “\(service)” wants, \(reason)",
                remedy: "Give another one, or leave “ports:” out: the proxy reaches the app without it")
        }
    }

    /// The ports of the host that the containers of each app have.
    private func published() async throws -> [String: Set<HostPort>] {
        let rows = try await postgres.query(
            """
            select app, status, document::text from provisioner.release as r
            where status in ('live', 'starting') or status = 'failed'
                and number = (select max(number) from provisioner.release where app = r.app)
            """)
        var ports: [String: Set<HostPort>] = [:]
        for row in rows {
            let (app, status, text) = try row.decode((String, String, String).self)
            let document = try JSONText(trusted: text).decode(JSONValue.self)
            // One that did not come up has its ports only where it was left standing.
            if status == "failed", FailureAction(of: document) == .rollback { continue }
            let project = try? ComposeProject(document)
            ports[app, default: []].formUnion(project?.hostPorts.map(\.port) ?? [])
        }
        for row in try await postgres.query("select app, port from provisioner.exposure") {
            let (app, port) = try row.decode((String, Int32).self)
            ports[app, default: []].insert(HostPort(number: Int(port), isTCP: true))
        }
        return ports
    }

    /// Whether nothing listens there on any address of this machine.
    private static func isFree(_ port: HostPort) -> Bool {
        let type = port.isTCP ? SOCK_STREAM : SOCK_DGRAM
        let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        if port.isTCP {
            var enabled: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &enabled, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(clamping: port.number)).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 || errno == EACCES
            }
        }
    }
}

extension ComposeProject {
    /// The ports of the host that its services publish at a number of their own.
    var hostPorts: [(service: String, port: HostPort)] {
        services.flatMap { service in
            service.ports.compactMap { port in
                port.published.map { (service.name, HostPort(number: $0, isTCP: port.isTCP)) }
            }
        }
    }
}

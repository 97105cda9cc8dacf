import FoundationEssentials
import Glibc
import LabKit
import LabServers

/// The ports of an embedded lab. They stay the same over restarts: bookmarks and resolvers point at them.
struct LabPorts: Codable, Sendable {
    var http: Int
    var https: Int
    var dns: Int
    var mqtt: Int
    var postgres: Int
    var api: Int
    /// The address that the first four are on.
    var listen: String

    /// What is asked for by name; nil means the earlier one, the usual one, or any free one, in this order.
    struct Wish: Sendable {
        var http: Int?
        var https: Int?
        var dns: Int?
    }

    private static let usual = LabPorts(
        http: 8080, https: 8443, dns: 5300, mqtt: 18_883, postgres: 15_432, api: 8700,
        listen: ListenAddress.loopback)

    /// The ports that the lab of this directory had last, or the usual ones.
    static func earlier(in directory: StateDirectory) -> LabPorts {
        let data = FileManager.default.contents(atPath: file(directory))
        return data.flatMap { try? JSONDecoder().decode(LabPorts.self, from: $0) } ?? usual
    }

    /// Whether the proxy listens on the same addresses and ports.
    func hasSameProxy(as other: LabPorts) -> Bool {
        (listen, http, https) == (other.listen, other.http, other.https)
    }

    private static func file(_ directory: StateDirectory) -> String { directory.path + "/ports.json" }

    /// Waits a moment for the ports of this directory's last lab: one that was just killed may still hold some.
    static func waitForEarlier(in directory: StateDirectory) async throws {
        guard FileManager.default.fileExists(atPath: file(directory)) else { return }
        let ports = earlier(in: directory)
        let deadline = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < deadline {
            let areFree = Name.allCases.allSatisfy { name in
                // Reserved for the length of the look, which would otherwise disturb a lab that begins to listen there.
                guard let reservation = PortReservation(ports[keyPath: name.path]) else { return false }
                return withExtendedLifetime(reservation) {
                    PortProbe.isFree(ports[keyPath: name.path], on: name.addresses(ports.listen))
                }
            }
            if areFree { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Chooses ports that are free and that no other lab of this machine has chosen, however many start at once.
    ///
    /// - Returns: the ports, with what keeps other labs off them for as long as it is held.
    /// - Throws: ``CommandFault`` when a port that was asked for is taken.
    static func choose(
        _ wish: Wish, in directory: StateDirectory, listen: String
    ) throws -> (ports: LabPorts, reservations: [PortReservation]) {
        var ports = earlier(in: directory)
        var reservations: [PortReservation] = []
        func take(_ name: Name, _ port: Int) -> Bool {
            guard let reservation = PortReservation(port),
                PortProbe.isFree(port, on: name.addresses(listen))
            else { return false }
            reservations.append(reservation)
            ports[keyPath: name.path] = port
            return true
        }
        // What was asked for comes first, so that no usual port of another server is in its way.
        for name in Name.allCases {
            guard let wanted = name.wanted(wish) else { continue }
            guard take(name, wanted) else {
                throw CommandFault(
                    "port \(wanted) for \(name) is taken on \(listen)",
                    remedy: "Stop what uses it, or choose another with --\(name)-port")
            }
        }
        for name in Name.allCases where name.wanted(wish) == nil {
            let candidates = [ports[keyPath: name.path], usual[keyPath: name.path]]
            guard !candidates.contains(where: { take(name, $0) }) else { continue }
            // Below the range that the kernel takes the ports of outgoing connections from, so that none of them can
            // have it while the lab is stopped.
            guard (0..<500).contains(where: { _ in take(name, .random(in: 10_000..<32_000)) }) else {
                throw CommandFault(
                    "no free port was found on \(listen)", remedy: "See whether \(listen) is this machine's")
            }
        }
        ports.listen = listen
        try PrivateFile.write(String(decoding: try JSONText.encoder.encode(ports), as: UTF8.self), to: file(directory))
        return (ports, reservations)
    }

    /// Who listens on a port.
    private enum Name: String, CaseIterable, CustomStringConvertible {
        case http, https, dns, mqtt, postgres, api

        var description: String { rawValue }

        var path: WritableKeyPath<LabPorts, Int> {
            switch self {
            case .http: \.http
            case .https: \.https
            case .dns: \.dns
            case .mqtt: \.mqtt
            case .postgres: \.postgres
            case .api: \.api
            }
        }

        func wanted(_ wish: Wish) -> Int? {
            switch self {
            case .http: wish.http
            case .https: wish.https
            case .dns: wish.dns
            case .mqtt, .postgres, .api: nil
            }
        }

        /// The database and the API are for this machine alone.
        func addresses(_ listen: String) -> [String] {
            switch self {
            case .http, .https, .dns, .mqtt: ListenAddress.withLoopback(listen)
            case .postgres, .api: [ListenAddress.loopback]
            }
        }
    }
}

/// Asks the kernel for ports.
enum PortProbe {
    /// Whether both TCP and UDP can be bound now, on each of the addresses.
    static func isFree(_ port: Int, on addresses: [String]) -> Bool {
        addresses.allSatisfy { canBind(port, $0, SOCK_STREAM) && canBind(port, $0, SOCK_DGRAM) }
    }

    /// Binds a socket, and closes it again.
    private static func canBind(_ port: Int, _ address: String, _ type: __socket_type) -> Bool {
        let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if type == SOCK_STREAM {
            // As the servers do, or ports of a lab that has just stopped would seem taken.
            var enabled: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &enabled, socklen_t(MemoryLayout<Int32>.size))
        }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = in_port_t(UInt16(port)).bigEndian
        guard inet_pton(AF_INET, address, &name.sin_addr) == 1 else { return false }
        let isBound = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        // A port with a listener can be bound with SO_REUSEADDR only until listen().
        return isBound && (type != SOCK_STREAM || listen(descriptor, 1) == 0)
    }
}

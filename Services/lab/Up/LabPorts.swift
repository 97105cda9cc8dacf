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
        let deadline = ContinuousClock.now + .seconds(2)
        while ContinuousClock.now < deadline {
            let areFree = [ports.http, ports.https, ports.dns, ports.mqtt].allSatisfy {
                PortProbe.isFree($0, on: ListenAddress.withLoopback(ports.listen))
            }
            let areOwnFree = [ports.postgres, ports.api].allSatisfy {
                PortProbe.isFree($0, on: [ListenAddress.loopback])
            }
            if areFree, areOwnFree { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// - Throws: ``CommandFault`` when a port that was asked for is taken.
    static func choose(_ wish: Wish, in directory: StateDirectory, listen: String) throws -> LabPorts {
        let earlier = earlier(in: directory)
        var taken: Set<Int> = []
        func port(_ name: String, _ path: KeyPath<LabPorts, Int>, _ wanted: Int?, _ listen: String) throws -> Int {
            let addresses = ListenAddress.withLoopback(listen)
            if let wanted {
                guard PortProbe.isFree(wanted, on: addresses) else {
                    throw CommandFault(
                        "port \(wanted) for \(name) is taken on \(listen)",
                        remedy: "Stop what uses it, or choose another with --\(name)-port")
                }
                taken.insert(wanted)
                return wanted
            }
            for candidate in [earlier[keyPath: path], usual[keyPath: path]]
            where !taken.contains(candidate) && PortProbe.isFree(candidate, on: addresses) {
                taken.insert(candidate)
                return candidate
            }
            let free = try PortProbe.anyFree(on: addresses, except: taken)
            taken.insert(free)
            return free
        }
        let ports = LabPorts(
            http: try port("http", \.http, wish.http, listen), https: try port("https", \.https, wish.https, listen),
            dns: try port("dns", \.dns, wish.dns, listen), mqtt: try port("mqtt", \.mqtt, nil, listen),
            postgres: try port("postgres", \.postgres, nil, ListenAddress.loopback),
            api: try port("api", \.api, nil, ListenAddress.loopback), listen: listen)
        try PrivateFile.write(String(decoding: try JSONText.encoder.encode(ports), as: UTF8.self), to: file(directory))
        return ports
    }
}

/// Asks the kernel for ports.
enum PortProbe {
    /// Whether both TCP and UDP can be bound now, on each of the addresses.
    static func isFree(_ port: Int, on addresses: [String]) -> Bool {
        addresses.allSatisfy { bind(port, $0, SOCK_STREAM) != nil && bind(port, $0, SOCK_DGRAM) != nil }
    }

    static func anyFree(on addresses: [String], except taken: Set<Int>) throws -> Int {
        // Below the range that the kernel takes the ports of outgoing connections from, so that none of them can have
        // it while the lab is stopped.
        for _ in 0..<500 {
            let port = Int.random(in: 10_000..<32_000)
            if !taken.contains(port), isFree(port, on: addresses) { return port }
        }
        throw CommandFault(
            "no free port was found on \(addresses[0])", remedy: "See whether \(addresses[0]) is this machine's")
    }

    /// Binds a socket, closes it again, and says which port it had.
    private static func bind(_ port: Int, _ address: String, _ type: __socket_type) -> Int? {
        let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var enabled: Int32 = 1
        // As the servers do, or ports of a lab that has just stopped would seem taken.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &enabled, socklen_t(MemoryLayout<Int32>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = in_port_t(UInt16(port)).bigEndian
        guard inet_pton(AF_INET, address, &name.sin_addr) == 1 else { return nil }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard Glibc.bind(descriptor, generic, length) == 0 else { return nil }
                // A port with a listener can be bound with SO_REUSEADDR only until listen().
                if type == SOCK_STREAM, listen(descriptor, 1) != 0 { return nil }
                guard getsockname(descriptor, generic, &length) == 0 else { return nil }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
    }
}

import Glibc

/// A port of the host that a Compose file asks for.
struct HostPort: Sendable, Hashable {
    let number: Int
    let isTCP: Bool
    /// The address that it is published at; nil for all.
    let address: String?

    init(number: Int, isTCP: Bool, address: String? = nil) {
        self.number = number
        self.isTCP = isTCP
        self.address = ["", "0.0.0.0", "::"].contains(address ?? "") ? nil : address
    }

    /// `53/udp`, `192.168.1.2:53/tcp`.
    init?(_ text: String) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, ["tcp", "udp"].contains(parts[1]) else { return nil }
        let colon = parts[0].lastIndex(of: ":")
        guard let number = Int(colon.map { parts[0][parts[0].index(after: $0)...] } ?? parts[0]),
            (1...65_535).contains(number)
        else { return nil }
        self.init(number: number, isTCP: parts[1] == "tcp", address: colon.map { String(parts[0][..<$0]) })
    }

    var text: String { "\(address.map { "\($0):" } ?? "")\(number)/\(isTCP ? "tcp" : "udp")" }

    /// Whether the machine cannot give both.
    func overlaps(_ other: HostPort) -> Bool {
        number == other.number && isTCP == other.isTCP
            && (address == nil || other.address == nil || address == other.address)
    }

    /// Whether nothing listens there.
    var isFree: Bool {
        let type = isTCP ? SOCK_STREAM : SOCK_DGRAM
        let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        if isTCP {
            var enabled: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &enabled, socklen_t(MemoryLayout<Int32>.size))
        }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = in_port_t(UInt16(clamping: number)).bigEndian
        if let address, inet_pton(AF_INET, address, &place.sin_addr) != 1 { return true }
        return withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 || errno != EADDRINUSE
            }
        }
    }
}

/// Which ports of this machine something listens on, for a provisioner that cannot see that from its container.
public enum TakenPorts {
    /// - Parameter texts: `53/udp`, `192.168.1.2:53/tcp`; what is none of these is left out.
    public static func among(_ texts: [String]) -> [String] {
        texts.compactMap(HostPort.init).filter { !$0.isFree }.map(\.text)
    }
}

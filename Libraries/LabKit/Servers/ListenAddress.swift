import Glibc

/// IPv4 addresses that a server listens on, as its configuration takes them.
public enum ListenAddress {
    public static let loopback = "127.0.0.1"
    /// Every address of this machine.
    public static let any = "0.0.0.0"

    /// The addresses to listen on when a server is wanted on `address`: readiness is asked for on loopback, so that is
    /// always among them; ``any`` includes it.
    public static func withLoopback(_ address: String) -> [String] {
        [any, loopback].contains(address) ? [address] : [address, loopback]
    }

    /// Refuses a text that is not an IPv4 address: it goes into a configuration file as it is.
    static func check(_ text: String, server: String) throws(ServerError) {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1 else {
            throw .invalidSetting(
                server: server, detail: "“\(text)” is not an IPv4 address to listen on",
                remedy: "Give an address of this machine, or 0.0.0.0 for all of them")
        }
    }
}

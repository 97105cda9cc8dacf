public import LabCore

extension LabSettings {
    /// The HTTPS port as clients see it: `LAB_PUBLIC_HTTPS_PORT` where something in front of the proxy changes it, else
    /// the proxy's own `LAB_HTTPS_PORT`, else 443.
    public var publicHTTPSPort: Int {
        get throws {
            try integer(
                "LAB_PUBLIC_HTTPS_PORT", in: 1...65_535,
                default: try integer("LAB_HTTPS_PORT", in: 1...65_535, default: 443))
        }
    }
}

extension Hostname {
    /// Where a browser opens this host: `https://notes.home.arpa:8443`, without the port when it is 443.
    public func httpsURL(port: Int) -> String {
        port == 443 ? "https://\(self)" : "https://\(self):\(port)"
    }
}

import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab info`
struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print how to reach the running lab.")

    @OptionGroup var options: LabOptions

    func run() throws {
        let directory = options.directory
        if let info = try directory.info() { return try InfoText.write(info, isJSON: options.json) }
        guard let platform = try PlatformAddress.Files(directory).read() else {
            throw CommandFault(
                "no lab runs in \(directory.path)", remedy: "Start it with “lab up” or “docker compose up -d”",
                status: 2)
        }
        try InfoText.write(PlatformInfo(platform, directory), isJSON: options.json)
    }
}

/// How to reach a lab, for a person or a program.
enum InfoText {
    static func write(_ info: some LabPlaces, isJSON: Bool) throws {
        let terminal = Terminal.standardOutput
        guard !isJSON else { return terminal.line(try JSONText(encoding: info).text) }
        var table = Table(["WHAT", "WHERE"])
        for (what, location) in [
            ("domain", info.domain), ("API", info.api), ("API description", info.api + "/openapi.json"),
            ("HTTPS", info.https), ("DNS", info.dns), ("MQTT", "\(info.mqtt), user \(info.mqttUser)"),
            ("authority", info.ca), ("admin token", info.tokenFile), ("docs", info.docs), ("state", info.stateDir),
        ] {
            table.add([Table.Cell(what, .bold), Table.Cell(location)])
        }
        table.write(to: terminal)
    }
}

/// Where the parts of a lab are that people and programs want, whatever it runs in.
protocol LabPlaces: Encodable {
    var domain: String { get }
    var api: String { get }
    var https: String { get }
    var dns: String { get }
    var mqtt: String { get }
    var mqttUser: String { get }
    var ca: String { get }
    var tokenFile: String { get }
    var docs: String { get }
    var stateDir: String { get }
}

extension LabInfo: LabPlaces {}
extension PlatformInfo: LabPlaces {}

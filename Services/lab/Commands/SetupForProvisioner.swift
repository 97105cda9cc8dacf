import ArgumentParser
import FoundationEssentials
import Provisioner

/// `lab setup remove-folder PATH`: what the provisioner runs as root for what containers wrote as users of their own.
struct RemoveFolder: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove-folder", abstract: "Remove the folder of an app.", shouldDisplay: false)

    @Argument(help: "The folder.")
    var path: String

    func run() throws {
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
    }
}

/// `lab setup taken-ports PORT…`: what the provisioner runs in the host's network before an app publishes ports there.
struct FindTakenPorts: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "taken-ports", abstract: "Tell on which ports something listens.", shouldDisplay: false)

    @Argument(help: ArgumentHelp("Such as 53/udp or 192.168.1.2:8080/tcp.", valueName: "port"))
    var ports: [String]

    func run() throws {
        for port in TakenPorts.among(ports) { print(port) }
    }
}
